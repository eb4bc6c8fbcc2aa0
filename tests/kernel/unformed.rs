//! Which matrices are left unformed: those that are solved with and multiplied by vectors and nothing else, where that takes less.

use std::collections::BTreeSet;

use hbp::kernel::{Kernel, MEMORY_LIMIT, Program, Residents, compile_resident};

use super::{graph, outputs, program, sized, universe};

/// `diag(|x|) + (a a') .* M'(b b' + I)M`
const BLOCK: &str = "(add (diag (apply abs x)) (had (mul a (t a)) (sand M (add (mul b (t b)) (diag (apply abs v))))))";

fn solved(matrix: &str, factor: &str, right: &str) -> String {
    format!("(mul (inv (add (scale s (eye $n)) (scale {factor} {matrix}))) {right})")
}

/// Solves with formed matrices, with unformed ones, products with unformed ones, and arrays of n × n entries that are computed.
fn counts(program: &Program, n: usize) -> [usize; 4] {
    let of = |wanted: fn(&Kernel) -> bool| {
        let steps = program.steps.iter();
        steps.filter(|step| wanted(&step.kernel)).count()
    };
    let computed = program.steps.iter().flat_map(|step| &step.outputs);
    let squares = computed.filter(|value| program.values[value.index()].len() == n * n);
    [
        of(|kernel| matches!(kernel, Kernel::Solve { .. })),
        of(|kernel| matches!(kernel, Kernel::UnformedSolve { .. })),
        of(|kernel| matches!(kernel, Kernel::UnformedProduct { .. })),
        squares.count(),
    ]
}

/// With the block stored where it is multiplied, as in a pass of a network.
fn stored(texts: &[&str], n: usize) -> Program {
    let mut graph = graph();
    let block = universe::read(&mut graph, BLOCK).unwrap();
    let outputs = outputs(&mut graph, texts);
    let residents = Residents {
        updates: &[],
        stored: &BTreeSet::from([block]),
    };
    let sizes = sized(n, 50, 2);
    compile_resident(&graph, &outputs, &sizes, MEMORY_LIMIT, residents).unwrap()
}

#[test]
fn a_block_that_is_only_solved_with_is_never_formed() {
    let first = solved(BLOCK, "49/50", "x");
    let texts = [
        // The step of a weight matrix, and that of its bias.
        format!("(mul {BLOCK} {first})"),
        solved(BLOCK, "(mul (t x) x)", "a"),
    ];
    let texts = [texts[0].as_str(), texts[1].as_str()];
    let unformed = stored(&texts, 200);
    assert_eq!(counts(&unformed, 200), [0, 2, 1, 0], "{unformed}");
    let text = unformed.to_string();
    assert!(text.contains("by at most 8 conjugate gradients"), "{text}");
    // Below the size at which conjugate gradients are tried.
    let small = stored(&texts, 150);
    assert_eq!(counts(&small, 150)[..3], [2, 0, 0], "{small}");
}

#[test]
fn a_matrix_that_is_needed_is_formed_once_and_its_systems_are_not() {
    let (first, second) = (solved(BLOCK, "49/50", "x"), solved(BLOCK, "1/2", "a"));
    let texts = [BLOCK, first.as_str(), second.as_str()];
    let program = program(&texts, &sized(200, 50, 2));
    // M'(…)M, and the block in its place.
    assert_eq!(counts(&program, 200), [0, 2, 0, 2], "{program}");
}

#[test]
fn what_is_no_sum_of_products_or_costs_more_by_its_parts_is_formed() {
    // Solves with formed and with unformed matrices, and what is formed.
    for (matrix, expected) in [
        // A product entry by entry, with a matrix and not with a column; its system is a sum again.
        ("(had S (sand M (diag b)))", [0, 1, 2]),
        // The sum of two matrices takes an addition for each entry, a product with each of them a product.
        ("(add S P)", [1, 0, 1]),
        ("S", [0, 1, 0]),
        ("(neg (sand M (diag b)))", [0, 1, 0]),
    ] {
        let text = solved(matrix, "1/2", "x");
        let program = program(&[text.as_str()], &sized(200, 50, 2));
        let [formed, unformed, _, squares] = counts(&program, 200);
        assert_eq!([formed, unformed, squares], expected, "{matrix}\n{program}");
    }
}

/// A product that is read as it is and transposed.
#[test]
fn factors_of_a_gram_matrix_are_multiplied_one_by_one() {
    let text = solved("(mul (t (mul M A)) (mul M A))", "1/2", "x");
    let program = program(&[text.as_str()], &sized(200, 50, 2));
    assert_eq!(counts(&program, 200), [0, 1, 0, 0], "{program}");
    let printed = program.to_string();
    let expected = "solve (s * I + 0.5 * A' * M' * M * A) x = x";
    assert!(printed.contains(expected), "{program}");
}

/// A factor that is no square matrix and multiplies a vector elsewhere is needed as a whole.
#[test]
fn factors_that_multiply_vectors_are_formed() {
    let texts = [
        &solved("(mul (t (mul M A)) (mul M A))", "1/2", "x"),
        "(mul (mul M A) x)",
    ];
    let mut graph = graph();
    let factor = universe::read(&mut graph, "(mul M A)").unwrap();
    let outputs = outputs(&mut graph, &texts);
    let residents = Residents {
        updates: &[],
        stored: &BTreeSet::from([factor]),
    };
    let sizes = sized(200, 50, 2);
    let program = compile_resident(&graph, &outputs, &sizes, MEMORY_LIMIT, residents).unwrap();
    assert_eq!(counts(&program, 200), [0, 1, 0, 0], "{program}");
    let steps = program.steps.iter().flat_map(|step| &step.outputs);
    let mut values = steps.map(|value| &program.values[value.index()]);
    assert!(values.any(|value| (value.rows, value.cols) == (50, 200)));
}

/// Powers and sums of themselves have parts without end.
#[test]
fn expressions_without_end_are_taken_apart_as_far_as_they_are_short() {
    let (mut power, mut sum) = (
        "(sand M (diag b))".to_owned(),
        "(sand M (diag b))".to_owned(),
    );
    for _ in 0..8 {
        power = format!("(mul {power} {power})");
        sum = format!("(add (had (mul a (t a)) {sum}) (scale s {sum}))");
    }
    for matrix in [power, sum] {
        let texts = [solved(&format!("(add {matrix} (t {matrix}))"), "1/2", "x")];
        let program = program(&[texts[0].as_str()], &sized(200, 50, 2));
        let [formed, unformed, ..] = counts(&program, 200);
        assert_eq!(formed + unformed, 1, "{program}");
    }
}

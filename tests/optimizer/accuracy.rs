//! The share of right answers, by the model that a loss declares, against counting by hand.

use hbp::optimizer::{Batch, Evaluator, EvaluatorPass, Parameters, Problem};
use nalgebra::DMatrix;

use super::{SAMPLES, first, noise, problem};

/// h.W * x + h.b for every sample.
fn scores(parameters: &Parameters<f64>, x: &[f64], outputs: usize) -> Vec<f64> {
    let found = |name: &str| parameters.get(name).unwrap().to_vec();
    let (weight, bias) = (found("h.W"), found("h.b"));
    let features = weight.len() / outputs;
    let weight = DMatrix::from_vec(outputs, features, weight);
    let x = DMatrix::from_column_slice(features, x.len() / features, x);
    let mut scores = weight * x;
    for mut column in scores.column_iter_mut() {
        for (score, bias) in column.iter_mut().zip(&bias) {
            *score += bias;
        }
    }
    scores.as_slice().to_vec()
}

fn accuracy(problem: &Problem, has_classes: bool, x: &[f64], y: &[f64]) -> Option<f64> {
    let pass = EvaluatorPass::compile(problem, SAMPLES).unwrap();
    let pass = pass.with_accuracy(problem, has_classes).unwrap();
    let batch = Batch {
        x,
        y,
        samples: SAMPLES,
    };
    let found = Evaluator::new(&pass).evaluate(&first(problem), batch);
    found.unwrap().accuracy
}

/// A share of right answers that is neither none nor all, so that it can be wrong.
fn assert_counted(found: Option<f64>, answers: &[bool], case: &str) {
    let right = answers.iter().filter(|answer| **answer).count();
    assert!(right > 0 && right < answers.len(), "{case}: {answers:?}");
    assert_eq!(found, Some(right as f64 / answers.len() as f64), "{case}");
}

#[test]
fn yes_and_no_are_answered_by_the_more_probable() {
    let head = "network n { input x: R[4]\n target y: R";
    let own = "module coin(s: R[n], y: R[n]) -> e: R { e = -sum(y .* log(ones(n) - s) + (ones(n) - y) .* log(s))\n y ~ bernoulli(ones(n) - s) }\n";
    let built_in = "loss binary_cross_entropy_with_logits(h, y) }";
    for (outputs, text, is_turned) in [
        (1, format!("{head}\n h = linear[1](x)\n {built_in}"), false),
        (
            3,
            format!("{head}[3]\n h = linear[3](x)\n {built_in}"),
            false,
        ),
        // A loss of one's own: its model turns the answer round.
        (
            3,
            format!("{own}{head}[3]\n h = linear[3](x)\n s = sigmoid(h)\n loss coin(s, y) }}"),
            true,
        ),
    ] {
        let problem = problem(&text);
        let x: Vec<f64> = (0..4 * SAMPLES).map(noise).collect();
        let y: Vec<f64> = (0..outputs * SAMPLES)
            .map(|k| ((k * 7 + 1) % 3 % 2) as f64)
            .collect();
        let scores = scores(&first(&problem), &x, outputs);
        let answers = scores
            .iter()
            .zip(&y)
            .map(|(z, y)| ((*z > 0.0) != is_turned) == (*y > 0.5));
        let answers: Vec<bool> = answers.collect();
        assert_counted(accuracy(&problem, false, &x, &y), &answers, &text);
    }
}

fn largest(values: &[f64]) -> usize {
    let mut places = 0..values.len();
    let first = places.next().unwrap();
    places.fold(
        first,
        |best, k| if values[k] > values[best] { k } else { best },
    )
}

#[test]
fn classes_are_answered_by_the_most_probable() {
    let head = "network n { input x: R[4]\n target y: R[3] distribution\n h = linear[3](x)";
    // Runs module by module, since a module's value is a matrix.
    let turned = "module flip(z: R[n]) -> p: R[n] { A = diag(z) * eye(n)\n p = -diagvec(A) }\n";
    let own = "module nll(p: R[n], y: R[n] distribution) -> e: R { e = -y' * log(p)\n y ~ categorical(p) }\n";
    for (text, sign) in [
        (format!("{head}\n loss softmax_cross_entropy(h, y) }}"), 1.0),
        (
            format!("{turned}{head}\n o = flip(h)\n loss softmax_cross_entropy(o, y) }}"),
            -1.0,
        ),
        (
            format!("{own}{head}\n o = softmax(h)\n loss nll(o, y) }}"),
            1.0,
        ),
        // No model of classes: the data say that they are.
        (
            format!(
                "{}\n loss square_loss(h, y) }}",
                head.replace(" distribution", "")
            ),
            1.0,
        ),
    ] {
        let problem = problem(&text);
        let x: Vec<f64> = (0..4 * SAMPLES).map(noise).collect();
        let scores = scores(&first(&problem), &x, 3);
        let mut y = vec![0.0; 3 * SAMPLES];
        let mut answers = Vec::new();
        for (sample, scores) in scores.chunks(3).enumerate() {
            let scores: Vec<f64> = scores.iter().map(|score| sign * score).collect();
            let class = if sample % 3 == 1 {
                (largest(&scores) + 1) % 3
            } else {
                largest(&scores)
            };
            y[3 * sample + class] = 1.0;
            answers.push(sample % 3 != 1);
        }
        assert_counted(accuracy(&problem, true, &x, &y), &answers, &text);
    }
}

#[test]
fn numbers_are_neither_right_nor_wrong() {
    let text =
        "network n { input x: R[4]\n target y: R[3]\n h = linear[3](x)\n loss square_loss(h, y) }";
    let values: Vec<f64> = (0..4 * SAMPLES).map(noise).collect();
    let found = accuracy(&problem(text), false, &values, &values[..3 * SAMPLES]);
    assert_eq!(found, None);
}

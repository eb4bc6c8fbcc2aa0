//! `hbp bench` and `hbp plan --pass`: what is printed, what is counted, what is refused. No time is asserted.

use hbp::language::parse;
use hbp::network::{Batch, Curvature, NetworkPass, RunOptions, Task};
use serde_json::Value;

use super::hbp;

const SMALL: &str = "\
network small {
    input x: R[n]
    target y: R[3]
    h1 = linear[4](x)
    a1 = sigmoid(h1)
    h2 = linear[3](a1)
    loss softmax_cross_entropy(h2, y)
}
";

/// The arguments for a quick run, and more.
fn quick<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let all = "bench - --dims n=5 --batch-size 6 --repeat 2 --json";
    all.split(' ').chain(more.iter().copied()).collect()
}

fn json(more: &[&str]) -> Value {
    let answer = hbp(&quick(more), SMALL.as_bytes());
    assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{more:?}");
    serde_json::from_str(&answer.out).unwrap()
}

const COUNTS: [&str; 5] = ["flops", "bytes", "arena_bytes", "kernels", "allocations"];

/// The counts of every pass.
fn counts(json: &Value) -> Vec<(String, Vec<u64>)> {
    let passes = json["passes"].as_object().unwrap().iter();
    let of = |pass: &Value| {
        COUNTS
            .iter()
            .map(|c| pass[c].as_u64().unwrap_or(0))
            .collect()
    };
    passes
        .map(|(name, pass)| (name.clone(), of(pass)))
        .collect()
}

#[test]
fn json_holds_what_was_asked_for_and_every_pass() {
    let json = json(&["--dtype", "f32", "--threads", "1"]);
    let text = |name: &str| json[name].as_str().unwrap();
    assert_eq!((text("network"), text("dtype")), ("small", "f32"));
    assert!(text("machine").contains(std::env::consts::ARCH));
    for (name, value) in [("batch_size", 6), ("threads", 1), ("seed", 0)] {
        assert_eq!(json[name], value, "{name}");
    }
    assert_eq!(json["dims"]["n"], 5);
    assert!(json["peak_gflops"].as_f64().unwrap() > 0.0);
    let mut expected = vec!["forward".to_owned(), "gradient".to_owned()];
    for batch in ["average-jacobian", "average-hessian", "exact"] {
        for curvature in ["hessian", "ggn", "pch-abs", "pch-clip", "fisher"] {
            expected.push(format!("{batch}/{curvature}"));
        }
    }
    expected.extend(["kflr", "update/sgd"].map(str::to_owned));
    let updates = expected[2..12].iter();
    let updates: Vec<String> = updates.map(|name| format!("update/{name}")).collect();
    expected.extend(updates);
    expected.push("compile".to_owned());
    let passes = json["passes"].as_object().unwrap();
    assert_eq!(passes.keys().cloned().collect::<Vec<_>>(), expected);
    for (name, pass) in passes {
        let number = |key: &str| pass[key].as_f64().unwrap();
        assert!(
            number("min_ms") > 0.0 && number("min_ms") <= number("median_ms"),
            "{name}"
        );
        assert_eq!(pass["runs"], 2, "{name}");
        let runs = name != "compile";
        for key in ["ratio_to_gradient", "loss"] {
            assert_eq!(pass[key].is_number(), runs, "{name} {key}");
        }
        // Conjugate gradients stop when they are done: their operations are counted at most, and have no rate.
        let is_bound = name.starts_with("update/average-hessian/");
        assert_eq!(pass["flops_are_a_bound"], is_bound, "{name}");
        // What runs sample by sample is no single program, and is not counted.
        let is_program = runs && !name.starts_with("exact/");
        assert_eq!(pass["is_one_program"], is_program, "{name}");
        for key in ["gflops", "percent_of_peak"] {
            let is_known = is_program && !is_bound;
            assert_eq!(pass[key].is_number(), is_known, "{name} {key}");
        }
        for key in ["flops", "bytes", "arena_bytes", "kernels"] {
            if runs && !is_program {
                assert_eq!(pass[key], Value::Null, "{name} {key}");
            } else {
                assert_eq!(number(key) > 0.0, runs, "{name} {key}");
            }
        }
        // Every pass computes the same loss.
        let loss = if runs {
            &passes["forward"]["loss"]
        } else {
            &Value::Null
        };
        assert_eq!(&pass["loss"], loss, "{name}");
    }
    assert_eq!(passes["gradient"]["ratio_to_gradient"], 1.0);
    assert_eq!(json["refused"].as_object().unwrap().len(), 0, "{json}");
}

#[test]
fn counts_are_those_of_the_compiled_pass() {
    let file = parse("small.hbp", SMALL).unwrap();
    let found = json(&["--passes", "gradient,average-hessian/pch-abs"]);
    for (name, task) in [
        ("gradient", Task::Gradient),
        ("average-hessian/pch-abs", Task::Curvature),
    ] {
        let options = RunOptions {
            sizes: [("n".into(), 5)].into(),
            batch_size: 6,
            batch: Batch::AverageHessian,
            curvature: Curvature::PositiveAbs,
            ..RunOptions::default()
        };
        let pass = NetworkPass::compile(&file, "small", &task, &options).unwrap();
        let program = pass.program();
        let found = &found["passes"][name];
        for (key, expected) in [
            ("flops", program.flops()),
            ("bytes", program.bytes(8)),
            ("arena_bytes", program.arena_bytes(8)),
            ("kernels", program.steps.len() as u64),
        ] {
            assert_eq!(found[key], expected, "{name} {key}");
        }
    }
}

#[test]
fn counts_do_not_depend_on_threads_seeds_or_company() {
    let chosen = ["--passes", "average-*/pch-abs,gradient"];
    let first = json(&chosen);
    let names = [
        "gradient",
        "average-jacobian/pch-abs",
        "average-hessian/pch-abs",
    ];
    let kept = counts(&first);
    assert_eq!(kept.iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
    for more in [
        &[][..],
        &["--threads", "1"],
        &["--threads", "2"],
        &["--seed", "7"],
    ] {
        let again = json(&[&chosen[..], more].concat());
        assert_eq!(counts(&again), kept, "{more:?}");
        let loss = |json: &Value| json["passes"]["gradient"]["loss"].clone();
        assert_eq!(
            loss(&again) == loss(&first),
            !more.contains(&"--seed"),
            "{more:?}"
        );
    }
    // Alone, a pass has nothing to be compared with.
    let alone = json(&["--passes", "average-hessian/pch-abs"]);
    assert_eq!(counts(&alone), kept[2..]);
    assert!(alone["passes"]["average-hessian/pch-abs"]["ratio_to_gradient"].is_null());
    let single = json(&[&chosen[..], &["--dtype", "f32"]].concat());
    for ((_, double), (name, single)) in kept.iter().zip(counts(&single)) {
        assert_eq!(
            [double[0], double[1], double[3]],
            [single[0], single[1] * 2, single[3]],
            "{name}"
        );
    }
}

#[test]
fn the_table_is_aligned() {
    let arguments = "bench - --dims n=5 --batch-size 6 --repeat 1 --threads 1 --passes forward,gradient,exact/ggn,exact/fisher,compile";
    let answer = hbp(&arguments.split(' ').collect::<Vec<_>>(), SMALL.as_bytes());
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(lines[0], "network small, batch size 6, f64, 1 thread");
    assert!(lines[1].contains(std::env::consts::ARCH) && lines[2].contains("GFLOP/s"));
    let table = &lines[4..10];
    let names: Vec<&str> = table
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let all = [
        "pass",
        "forward",
        "gradient",
        "exact/ggn",
        "exact/fisher",
        "compile",
    ];
    assert_eq!(names, all);
    let width = table[0].chars().count();
    assert!(
        table.iter().all(|line| line.chars().count() == width),
        "{}",
        answer.out
    );
    assert!(lines[11].starts_with("without counts: no single program"));
}

#[test]
fn what_cannot_be_timed_is_explained() {
    let module = "module m(x: R[n]) -> z: R[n] { z = 2*x }";
    let two = format!("{SMALL}{}", SMALL.replace("small", "other"));
    let cases: &[(&[&str], &str, i32, &[&str])] = &[
        (
            &["--network", "big"],
            SMALL,
            2,
            &["no network is called `big`", "small"],
        ),
        (&[], &two, 2, &["2 networks", "--network small"]),
        (&[], module, 2, &["`m` is a module", "help: "]),
        (
            &[],
            "network n { input x: R[2; }",
            2,
            &["<stdin>:1:", "help: "],
        ),
        (
            &["--dims", "k=3"],
            SMALL,
            2,
            &["`--dims k=3` names no dimension", "`n`"],
        ),
        (&["--batch-size", "0"], SMALL, 2, &["--batch-size"]),
        (&["--threads", "0"], SMALL, 2, &["--threads"]),
        (&["--repeat", "0"], SMALL, 2, &["--repeat"]),
        (
            &["--repeat", "1", "--seconds", "1"],
            SMALL,
            2,
            &["cannot be used with"],
        ),
        (&["--seconds", "0"], SMALL, 2, &["`0` is no time"]),
        (&["--dtype", "f16"], SMALL, 2, &["f64, f32"]),
        (
            &["--passes", "kfac,gradient"],
            SMALL,
            2,
            &["no pass is called `kfac`", "kflr, update/"],
        ),
        (&["--passes", ""], SMALL, 2, &["--passes"]),
        (
            &["--passes", "update/exact/*"],
            SMALL,
            2,
            &["no pass is called `update/exact/*`", "help: "],
        ),
        (
            &["--memory", "100"],
            SMALL,
            3,
            &["memory limit of 100", "--memory"],
        ),
        (
            &["--batch-size", "4000000000"],
            SMALL,
            3,
            &["4000000000 samples", "smaller batch"],
        ),
        (&["--compose", "a9+h2"], SMALL, 2, &["a9", "help: "]),
    ];
    for (more, text, code, parts) in cases {
        let mut arguments = vec!["bench", "-"];
        let has = |name: &str| more.contains(&name);
        if !has("--batch-size") {
            arguments.extend(["--batch-size", "2"]);
        }
        if !has("--dims") && text.contains("R[n]") && text.contains("network small") {
            arguments.extend(["--dims", "n=5"]);
        }
        arguments.extend(*more);
        let answer = hbp(&arguments, text.as_bytes());
        assert_eq!(
            (answer.code, answer.out.as_str()),
            (*code, ""),
            "{more:?}: {}",
            answer.err
        );
        for part in *parts {
            assert!(
                answer.err.contains(part),
                "{more:?}: no {part:?} in\n{}",
                answer.err
            );
        }
        assert!(!answer.err.contains("panicked"), "{}", answer.err);
    }
    let found = json(&["--memory", "2500"]);
    assert!(found["passes"]["gradient"].is_object(), "{found}");
    let reason = found["refused"]["kflr"].as_str().unwrap();
    assert!(reason.contains("above the limit of 2_500"), "{reason}");
    let answer = hbp(&["bench", "-", "--batch-size", "2"], SMALL.as_bytes());
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(
        answer.err.contains("`n`") && answer.err.contains("--dims"),
        "{}",
        answer.err
    );
}

#[test]
fn the_plan_of_a_pass_is_one_program() {
    let plan = |more: &[&str]| {
        let mut arguments: Vec<&str> = "plan - --dims n=5 --batch-size 6 --pass"
            .split(' ')
            .collect();
        arguments.extend(more);
        hbp(&arguments, SMALL.as_bytes())
    };
    let found = json(&["--passes", "gradient,kflr"]);
    for (pass, output) in [
        ("gradient", "output grad.h1.W: 4 × 5"),
        ("kflr", "output hess.h1.W: 20 × 20"),
    ] {
        let answer = plan(&[pass]);
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{pass}");
        let title =
            format!("network small at n = 5, {pass}, 6 samples side by side, one program\n");
        assert!(answer.out.starts_with(&title), "{}", answer.out);
        assert!(answer.out.contains(output), "{}", answer.out);
        let kernels = format!("total  {} kernels, ", found["passes"][pass]["kernels"]);
        assert_eq!(answer.out.matches("total  ").count(), 1, "{}", answer.out);
        assert!(answer.out.contains(&kernels), "{kernels}\n{}", answer.out);
        assert_eq!(plan(&[pass]).out, answer.out, "not the same twice");
    }
    for (more, part) in [
        (&["exact/ggn"][..], "cannot be one program"),
        (&["newton"], "no pass is called `newton`"),
        (&["gradient", "--batch", "exact"], "cannot be used with"),
    ] {
        let answer = plan(more);
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{more:?}");
        assert!(answer.err.contains(part), "{more:?}: {}", answer.err);
    }
    let module = hbp(
        &["plan", "-", "--pass", "gradient"],
        super::AFFINE.as_bytes(),
    );
    assert_eq!(module.code, 2);
    assert!(
        module.err.contains("`affine` is a module"),
        "{}",
        module.err
    );
}

/// What is diagonal is seen to be: every module around an activation has a form for all samples.
#[test]
fn a_skip_around_an_activation_is_one_program() {
    let text = format!(
        "module skip(x: R[n]) -> z: R[n] {{ z = x + tanh(x) }}\n{}",
        SMALL.replace("sigmoid", "skip")
    );
    let answer = hbp(&quick(&["--passes", "average-hessian/*"]), text.as_bytes());
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let json: Value = serde_json::from_str(&answer.out).unwrap();
    let passes = json["passes"].as_object().unwrap();
    assert_eq!(passes.len(), 5);
    assert!(passes.values().all(|pass| pass["is_one_program"] == true));
    assert_eq!(
        json["refused"].as_object().map_or(0, serde_json::Map::len),
        0
    );
}

/// What has no form for all samples is named as a user knows it: by its variable, its node and its module.
#[test]
fn a_refusal_names_the_block_the_node_and_the_module() {
    let text = format!(
        "module gate(x: R[n]) -> z: R[n] {{ param U: R[n, n]; z = (U*x) .* sigmoid(x) }}\n{}",
        SMALL.replace("sigmoid(h1)", "gate(h1)")
    );
    let answer = hbp(
        &quick(&["--passes", "update/average-hessian/ggn"]),
        text.as_bytes(),
    );
    assert_eq!((answer.code, answer.out.as_str()), (2, ""));
    let what = "the mean over samples for the block of `U` in `a1` (module `gate`) has no form for all samples";
    assert!(answer.err.contains(what), "{}", answer.err);
}

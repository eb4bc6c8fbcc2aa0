//! Figures: what is drawn, where lines break, and that the same numbers give the same bytes. Why on the SVG's text: it is the drawing, and PNG follows.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use hbp::report::{Axis, Figure, FigureError, Panel, Point, Scale, Series, figure};

fn axis(name: &str, scale: Scale) -> Axis {
    Axis {
        name: name.to_owned(),
        scale,
    }
}

fn panel(title: &str, scale: Scale, series: Vec<Series>) -> Panel {
    Panel {
        title: title.to_owned(),
        x: axis("epoch", Scale::Whole),
        y: axis("loss", scale),
        series,
    }
}

/// A line through heights at 0, 1, 2, …
fn series(label: &str, heights: &[f64], deviation: Option<f64>) -> Series {
    let points = heights.iter().zip(0_u32..).map(|(mean, x)| Point {
        x: f64::from(x),
        mean: *mean,
        deviation,
    });
    Series {
        label: label.to_owned(),
        points: points.collect(),
    }
}

/// Two panels of two methods, as a training run gives them.
fn two() -> Figure {
    let losses = |rate: f64| -> Vec<f64> {
        let loss = |epoch: u32| 0.05 + 2.3 * (-rate * f64::from(epoch)).exp();
        (0..=20).map(loss).collect()
    };
    let shares =
        |rate: f64| -> Vec<f64> { losses(rate).iter().map(|l| 100.0 - 35.0 * l).collect() };
    let lines = |of: &dyn Fn(f64) -> Vec<f64>, deviation: f64| {
        vec![
            series("sgd, learning rate 0.1", &of(0.15), Some(deviation)),
            series("newton", &of(0.45), Some(deviation)),
            series("kfac, α 0.1", &of(0.3), None),
        ]
    };
    figure(&[
        panel("training loss", Scale::Logarithmic, lines(&losses, 0.06)),
        panel("test accuracy", Scale::Linear, lines(&shares, 2.0)),
    ])
}

/// How many curves an SVG has.
fn curves(svg: &str) -> usize {
    svg.matches("fill=\"none\"").count()
}

#[test]
fn the_same_numbers_give_the_same_bytes() {
    let (one, other) = (two(), two());
    assert_eq!(one.svg(), other.svg());
    let png = one.png().unwrap();
    assert_eq!(png, other.png().unwrap());
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[test]
fn panels_share_a_legend_and_looks() {
    let svg = two().svg();
    for label in ["sgd, learning rate 0.1", "newton", "kfac, α 0.1"] {
        assert_eq!(svg.matches(&format!("\n{label}\n")).count(), 1, "{label}");
    }
    assert_eq!(curves(&svg), 6);
    // A curve in each panel, a band in each panel but for the third, and what stands in the legend for both.
    for (colour, count) in [("#0072b2", 6), ("#d55e00", 6), ("#009e73", 3)] {
        assert_eq!(svg.matches(colour).count(), count, "{colour}");
    }
    assert_eq!(svg.matches("\ntraining loss\n").count(), 1);
}

#[test]
fn lines_break_where_there_is_no_number() {
    let inf = f64::INFINITY;
    for (heights, scale, lines, dots) in [
        (vec![1.0, 2.0, 3.0], Scale::Linear, 1, 0),
        (vec![1.0, 2.0, f64::NAN, 3.0, 4.0], Scale::Linear, 2, 0),
        (vec![1.0, inf, 3.0, -inf, 4.0], Scale::Linear, 0, 3),
        (vec![1.0, 0.5, 0.0, 0.2, 0.1], Scale::Logarithmic, 2, 0),
        (vec![1.0, 0.5, -1.0, 2.0], Scale::Logarithmic, 1, 1),
        (vec![1.0, 0.5, -1.0, 2.0], Scale::Linear, 1, 0),
        (vec![f64::NAN], Scale::Linear, 0, 0),
        (vec![], Scale::Logarithmic, 0, 0),
    ] {
        let svg = figure(&[panel("p", scale, vec![series("s", &heights, Some(0.1))])]).svg();
        assert_eq!(curves(&svg), lines, "{heights:?}");
        assert_eq!(svg.matches("<circle").count(), dots, "{heights:?}");
        assert_eq!(svg.contains("no finite values"), lines + dots == 0);
        assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{svg}");
    }
}

#[test]
fn heights_are_where_the_axis_says() {
    // The chart is 290 high and begins at 39.5; four hundredths of the range stay free at both ends.
    let svg = figure(&[panel(
        "p",
        Scale::Linear,
        vec![series("s", &[0.0, 1.0], None)],
    )])
    .svg();
    let at = |share: f64| format!("{:.2}", 39.5 + 290.0 * (1.0 - (share + 0.04) / 1.08));
    let curve = svg
        .split("d=\"M")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let heights: Vec<&str> = curve
        .split(" L")
        .map(|p| p.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(heights, [at(0.0), at(1.0)]);
}

#[test]
fn names_are_escaped_and_unknown_letters_refused() {
    let drawn = figure(&[panel(
        "a < b & \"c\"\u{1}",
        Scale::Linear,
        vec![series("漢", &[1.0, 2.0], None)],
    )]);
    assert!(drawn.svg().contains("a &lt; b &amp;"), "{}", drawn.svg());
    assert!(!drawn.svg().contains('\u{1}'));
    let error = drawn.png().unwrap_err();
    assert_eq!(error, FigureError::Character('漢'));
    assert!(error.help().contains("SVG"));
    let plain = figure(&[panel("a < b & \"c\"\u{1}", Scale::Linear, vec![])]);
    assert!(plain.png().is_ok());
    assert!(figure(&[]).png().is_ok());
}

#[test]
fn no_numbers_break_a_figure() {
    for heights in [
        vec![f64::MAX, f64::MIN],
        vec![1e300, -1e300],
        vec![5e-324, 0.0],
        vec![1.0, 1.0 + f64::EPSILON],
        vec![1e-320, 1e300],
        vec![7.0; 3],
    ] {
        for scale in [Scale::Linear, Scale::Whole, Scale::Logarithmic] {
            for deviation in [None, Some(0.0), Some(f64::MAX), Some(f64::NAN)] {
                let drawn = figure(&[panel("p", scale, vec![series("s", &heights, deviation)])]);
                assert!(
                    !drawn.svg().contains("NaN"),
                    "{heights:?} {scale:?} {deviation:?}"
                );
                // One image in four is enough to see that the drawing is well formed.
                if deviation == Some(f64::MAX) {
                    assert!(drawn.png().is_ok(), "{heights:?} {scale:?}");
                }
            }
        }
    }
}

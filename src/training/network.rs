//! The network that is trained where none is given. Why text: it is a file like any other, and is kept in the run's directory.

/// A small network with sigmoids for `features` inputs: with `classes` for a classification, else for `outputs` numbers. `hidden` are the widths between.
pub fn default_network(
    features: usize,
    outputs: usize,
    is_classification: bool,
    hidden: &[usize],
) -> String {
    let facts = if is_classification {
        " distribution"
    } else {
        ""
    };
    let mut lines = vec![
        format!("input  x: R[{features}]"),
        format!("target y: R[{outputs}]{facts}"),
    ];
    let mut last = "x".to_owned();
    for (place, width) in hidden.iter().enumerate() {
        let layer = place + 1;
        lines.push(format!("h{layer} = linear[{width}]({last})"));
        lines.push(format!("a{layer} = sigmoid(h{layer})"));
        last = format!("a{layer}");
    }
    let layer = hidden.len() + 1;
    lines.push(format!("h{layer} = linear[{outputs}]({last})"));
    lines.push(if is_classification {
        format!("loss softmax_cross_entropy(h{layer}, y)")
    } else {
        format!("loss mse_loss(h{layer}, y)")
    });
    format!("network net {{\n    {}\n}}\n", lines.join("\n    "))
}

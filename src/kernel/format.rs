//! Numbers for people. Why: flops and bytes have ten digits, and nobody counts them without separators.

/// A whole number with its digits in groups of three.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// `rows × cols`.
pub(crate) fn dimensions(rows: usize, cols: usize) -> String {
    format!("{rows} × {cols}")
}

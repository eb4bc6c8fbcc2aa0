//! Names in LaTeX. Why apart from expressions: a name must read like a symbol, and distinct names must stay distinct.

/// A name: one letter as it is, Greek letters as letters, trailing digits as an index, `grad(z)` and `hess(z)` as δz
/// and ℋz, other words upright, words with an underscore slanted; of `h2.W` the layer is the index.
pub fn latex_name(name: &str) -> String {
    for (head, symbol) in [("grad(", r"\delta "), ("hess(", r"\mathcal{H}")] {
        if let Some(inner) = name
            .strip_prefix(head)
            .and_then(|rest| rest.strip_suffix(')'))
        {
            return format!("{symbol}{}", latex_name(inner));
        }
    }
    let Some((owner, own)) = name.rsplit_once('.') else {
        return word(name);
    };
    let owner = owner.split('.').map(word).collect::<Vec<_>>().join(".");
    // An index of its own comes before that of the layer.
    match word(own)
        .strip_suffix('}')
        .map(|word| word.rsplit_once("_{"))
    {
        Some(Some((stem, index))) if index.chars().all(|c| c.is_ascii_digit()) => {
            format!("{stem}_{{{index},{owner}}}")
        }
        _ => format!("{}_{{{owner}}}", word(own)),
    }
}

/// Distinct names give distinct texts: an index is made of digits alone, and an underscore shows.
fn word(word: &str) -> String {
    if word == "_" {
        return r"\_".into();
    }
    let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let letters = match greek(stem) {
        Some(letter) => letter,
        None if !word.is_ascii() => return format!(r"\text{{{}}}", escaped(word)),
        None if word.contains('_') => return format!(r"\mathit{{{}}}", escaped(word)),
        None if stem.len() <= 1 => stem.to_owned(),
        None => format!(r"\mathrm{{{stem}}}"),
    };
    match &word[stem.len()..] {
        "" => letters,
        digits => format!("{letters}_{{{digits}}}"),
    }
}

fn escaped(word: &str) -> String {
    word.replace('_', r"\_")
}

/// A Greek letter by its name or as it stands.
fn greek(stem: &str) -> Option<String> {
    let known = |name: &str| GREEK.contains(&name);
    let letter = LETTERS.iter().find(|(letter, _)| *letter == stem);
    let name = letter.map_or_else(|| Some(stem).filter(|s| known(s)), |(_, name)| Some(*name));
    name.map(|name| format!(r"\{name}"))
}

const GREEK: &[&str] = &[
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi",
    "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi",
    "Omega",
];

/// Greek letters that have a command of their own.
const LETTERS: &[(&str, &str)] = &[
    ("α", "alpha"),
    ("β", "beta"),
    ("γ", "gamma"),
    ("δ", "delta"),
    ("ε", "varepsilon"),
    ("ϵ", "epsilon"),
    ("ζ", "zeta"),
    ("η", "eta"),
    ("θ", "theta"),
    ("ϑ", "vartheta"),
    ("ι", "iota"),
    ("κ", "kappa"),
    ("λ", "lambda"),
    ("μ", "mu"),
    ("ν", "nu"),
    ("ξ", "xi"),
    ("π", "pi"),
    ("ρ", "rho"),
    ("σ", "sigma"),
    ("ς", "varsigma"),
    ("τ", "tau"),
    ("υ", "upsilon"),
    ("φ", "varphi"),
    ("ϕ", "phi"),
    ("χ", "chi"),
    ("ψ", "psi"),
    ("ω", "omega"),
    ("Γ", "Gamma"),
    ("Δ", "Delta"),
    ("Θ", "Theta"),
    ("Λ", "Lambda"),
    ("Ξ", "Xi"),
    ("Π", "Pi"),
    ("Σ", "Sigma"),
    ("Υ", "Upsilon"),
    ("Φ", "Phi"),
    ("Ψ", "Psi"),
    ("Ω", "Omega"),
];

/// Functions that LaTeX knows by name.
const NAMED_OPERATORS: &[&str] = &["exp", "log", "sin", "cos", "tanh", "det"];

/// The name of a function.
pub(crate) fn latex_function(name: &str) -> String {
    match greek(name) {
        Some(letter) => letter,
        None if NAMED_OPERATORS.contains(&name) => format!(r"\{name}"),
        None if !name.is_ascii() => format!(r"\operatorname{{\text{{{}}}}}", escaped(name)),
        None if name.len() == 1 && name != "_" => name.to_owned(),
        None => format!(r"\operatorname{{{}}}", escaped(name)),
    }
}

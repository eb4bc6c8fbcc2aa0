//! What the most general comparable tool, tensorgrad 0.3.0, prints for the same modules. Why kept: "legible"
//! and "fast" are claims against something.

/// The modules of the comparison.
pub(super) const MODULES: &str = include_str!("../../../examples/legibility.hbp");

/// What the peer does with one module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Printed characters of the largest block.
    pub(super) characters: usize,
    /// Seconds to derive it.
    pub(super) seconds: f64,
}

impl Peer {
    const fn new(characters: usize, seconds: f64) -> Self {
        Self {
            characters,
            seconds,
        }
    }

    /// The most characters we may take: a third of the peer's, or 60.
    pub(super) fn most_characters(self) -> usize {
        (self.characters / 3).max(60)
    }

    /// The most milliseconds we may take: a hundredth of the peer's, or 20.
    pub(super) fn most_milliseconds(self) -> f64 {
        (self.seconds * 10.0).max(20.0)
    }
}

/// The peer's measure of a module of the comparison.
pub(super) fn peer(module: &str) -> Option<Peer> {
    const MEASURED: &[(&str, Peer)] = &[
        ("affine_after_sigmoid", Peer::new(285, 0.2)),
        ("gated", Peer::new(849, 1.1)),
        ("residual", Peer::new(263, 0.3)),
        ("tied_autoencoder", Peer::new(663, 0.5)),
        ("layer_norm", Peer::new(1755, 14.0)),
        ("three_layers", Peer::new(1260, 3.2)),
        ("attention_head", Peer::new(3946, 45.0)),
    ];
    MEASURED
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, peer)| *peer)
}

//! What can be chosen of an optimiser. Why values and no trait: a run writes down what it was, and is resumed from that.

use std::fmt;
use std::str::FromStr;

use crate::network::{Batch, Curvature, Grouping, Message, Sampling, Solver};

/// How parameters move.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// v ← μv + δ, θ ← θ − γv.
    Momentum(Momentum),
    /// Kingma & Ba (2015).
    Adam(Adam),
    /// Eq. 8, block by block.
    Newton(Newton),
    /// Eq. 8, block by block, from products alone (Zhang 2017).
    HessianFree(HessianFree),
}

/// Gradient descent with momentum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// γ.
    pub rate: f64,
    /// μ.
    pub momentum: f64,
}

impl Default for Momentum {
    /// As in the paper's experiment: γ = 0.1, μ = 0.9.
    fn default() -> Self {
        Self {
            rate: 0.1,
            momentum: 0.9,
        }
    }
}

/// Adam's constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// γ.
    pub rate: f64,
    /// The decay of the first moments.
    pub first: f64,
    /// The decay of the second moments.
    pub second: f64,
    /// Added to the root of the second moments.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            rate: 1e-3,
            first: 0.9,
            second: 0.999,
            epsilon: 1e-8,
        }
    }
}

/// θ + γΔ with `[αI + (1 − α)ℋθ] Δ = −δθ` (Eq. 8).
#[derive(Clone, Debug, PartialEq)]
pub struct Newton {
    /// What becomes of the second-order term.
    pub curvature: Curvature,
    /// What becomes of the sample mean.
    pub batch: Batch,
    /// What travels backwards.
    pub message: Message,
    /// How Fisher matrices are taken; targets are drawn anew in every step.
    pub sampling: Sampling,
    /// Which nodes are one module.
    pub grouping: Grouping,
    /// α.
    pub damping: Damping,
    /// γ.
    pub rate: f64,
    /// How the system is solved.
    pub solver: Solver,
    /// Into how many groups of rows blocks are cut.
    pub parts: Parts,
}

impl Default for Newton {
    /// As in the paper's experiment, with the exact solution: positive curvature of absolute values, Eq. 7, α = 0.02, γ = 0.1.
    fn default() -> Self {
        Self {
            curvature: Curvature::PositiveAbs,
            batch: Batch::AverageJacobian,
            message: Message::Hessian,
            sampling: Sampling::Exact,
            grouping: Grouping::default(),
            damping: Damping::Fixed(0.02),
            rate: 0.1,
            solver: Solver::Exact,
            parts: Parts::default(),
        }
    }
}

/// Block-diagonal Hessian-free steps.
#[derive(Clone, Debug, PartialEq)]
pub struct HessianFree {
    /// The matrix that is multiplied with: Hessian, Gauss-Newton or Fisher.
    pub curvature: Curvature,
    /// α.
    pub damping: Damping,
    /// γ.
    pub rate: f64,
    /// ‖r‖ relative to the gradient's norm.
    pub tolerance: f64,
    /// The most products for a block.
    pub iterations: usize,
}

impl Default for HessianFree {
    fn default() -> Self {
        Self {
            curvature: Curvature::GaussNewton,
            damping: Damping::Fixed(0.02),
            rate: 0.1,
            tolerance: 0.1,
            iterations: 50,
        }
    }
}

/// How α is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Damping {
    /// It stays.
    Fixed(f64),
    /// After Levenberg and Marquardt: less where the quadratic model foretold the decrease of the loss, more where it did not.
    LevenbergMarquardt {
        /// The first α.
        initial: f64,
    },
}

impl Damping {
    /// The first α.
    pub fn initial(self) -> f64 {
        match self {
            Self::Fixed(alpha) | Self::LevenbergMarquardt { initial: alpha } => alpha,
        }
    }
}

/// Groups of rows by epoch: `1`, or `1,10:4,50:16` for 1 at first, 4 from epoch 10 on and 16 from epoch 50 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts(Vec<(u64, usize)>);

impl Default for Parts {
    fn default() -> Self {
        Self(vec![(0, 1)])
    }
}

impl Parts {
    /// The number of groups in an epoch, counted from 1.
    pub fn at(&self, epoch: u64) -> usize {
        let begun = self.0.iter().take_while(|(from, _)| *from <= epoch);
        begun.last().map_or(1, |(_, parts)| *parts)
    }

    /// True when a block is cut at any time.
    pub fn any(&self) -> bool {
        self.0.iter().any(|(_, parts)| *parts > 1)
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (from, parts)) in self.0.iter().enumerate() {
            match place {
                0 => write!(f, "{parts}")?,
                _ => write!(f, ",{from}:{parts}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Parts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no number of row groups: write 4, or 1,10:4,50:16 for 4 from epoch 10 on and 16 from epoch 50 on"
            )
        };
        let mut found: Vec<(u64, usize)> = Vec::new();
        for (place, piece) in text.split(',').enumerate() {
            let (from, parts) = match (place, piece.split_once(':')) {
                (0, None) => (0, piece),
                (0, Some(_)) | (_, None) => return Err(wrong()),
                (_, Some((from, parts))) => (from.trim().parse().map_err(|_| wrong())?, parts),
            };
            let parts: usize = parts.trim().parse().map_err(|_| wrong())?;
            if parts == 0 || found.last().is_some_and(|(last, _)| *last >= from) {
                return Err(wrong());
            }
            found.push((from, parts));
        }
        Ok(Self(found))
    }
}

impl Method {
    /// α at the start, where there is one.
    pub fn damping(&self) -> Option<Damping> {
        match self {
            Self::Newton(newton) => Some(newton.damping),
            Self::HessianFree(free) => Some(free.damping),
            Self::Momentum(_) | Self::Adam(_) => None,
        }
    }

    /// What is wrong with its numbers.
    ///
    /// # Errors
    /// A sentence that names the number.
    pub fn check(&self) -> Result<(), String> {
        let positive = |what: &str, value: f64| {
            let fits = value > 0.0 && value.is_finite();
            (!fits).then(|| format!("the {what} is {value}; it must be above 0"))
        };
        let below_one = |what: &str, value: f64| {
            let fits = (0.0..1.0).contains(&value);
            (!fits).then(|| format!("the {what} is {value}; it must be at least 0 and below 1"))
        };
        let of_damping = |damping: Damping| {
            let alpha = damping.initial();
            let fits = alpha > 0.0 && alpha <= 1.0;
            (!fits).then(|| format!("the damping α is {alpha}; it must be above 0 and at most 1"))
        };
        let faults = match self {
            Self::Momentum(Momentum { rate, momentum }) => vec![
                positive("learning rate", *rate),
                below_one("momentum", *momentum),
            ],
            Self::Adam(adam) => vec![
                positive("learning rate", adam.rate),
                below_one("decay of the first moments", adam.first),
                below_one("decay of the second moments", adam.second),
                positive("ε of Adam", adam.epsilon),
            ],
            Self::Newton(newton) => vec![
                positive("learning rate", newton.rate),
                of_damping(newton.damping),
            ],
            Self::HessianFree(free) => vec![
                positive("learning rate", free.rate),
                of_damping(free.damping),
                below_one("tolerance", free.tolerance),
            ],
        };
        faults.into_iter().flatten().next().map_or(Ok(()), Err)
    }
}

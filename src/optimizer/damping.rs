//! Damping that follows the quadratic model (Levenberg 1944, Marquardt 1963; Martens 2010). Why by two sums: with Eq. 8 solved, or iterated by conjugate
//! gradients from zero, `Δ'[αI + (1 − α)ℋ]Δ = −δ'Δ`, so that no product with ℋ is needed.

/// By how much damping changes at once.
const FACTOR: f64 = 1.5;
/// A model that foretells less than this share of the decrease, or more than one without it, is not trusted.
const POOR: f64 = 0.25;
const GOOD: f64 = 0.75;
/// Damping stays between these.
const LEAST: f64 = 1e-8;
const MOST: f64 = 1e8;
/// Above this α too little of ℋ is left in a step to tell what it foretold.
const MARGIN: f64 = 0.999;

/// α of Eq. 8 and the share of γ that a step takes. Where damping is above 1 nothing is left of ℋ, and Δ = −δ/damping: steps become as
/// small as they must.
pub(super) fn system(damping: f64) -> (f64, f64) {
    (damping.min(1.0), 1.0 / damping.max(1.0))
}

/// What a step was expected to do, and what it did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// δ'Δ.
    pub(super) slope: f64,
    /// Δ'Δ.
    pub(super) length: f64,
    /// γ, as much of it as was taken.
    pub(super) rate: f64,
    /// The loss before and after.
    pub(super) loss: (f64, f64),
}

impl Outcome {
    /// The change of the loss over the change that the quadratic model foretells, `γ δ'Δ + ½γ² Δ'ℋΔ`.
    fn ratio(&self, alpha: f64) -> f64 {
        let curvature = if alpha > MARGIN {
            0.0
        } else {
            (-self.slope - alpha * self.length) / (1.0 - alpha)
        };
        let foretold = self.rate * self.slope + 0.5 * self.rate * self.rate * curvature;
        (self.loss.1 - self.loss.0) / foretold
    }

    /// True for a step that is to be taken back: the loss is larger after it, or no number.
    pub(super) fn is_worse(&self) -> bool {
        self.loss.0.is_finite() && (self.loss.1.is_nan() || self.loss.1 > self.loss.0)
    }

    /// The next damping.
    pub(super) fn adapted(&self, damping: f64) -> f64 {
        let ratio = self.ratio(system(damping).0);
        let next = if self.is_worse() {
            damping * FACTOR.powi(4)
        } else if self.slope == 0.0 {
            damping
        } else if ratio.is_nan() || ratio < POOR {
            damping * FACTOR
        } else if ratio > GOOD {
            damping / FACTOR
        } else {
            damping
        };
        next.clamp(LEAST, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On ½hθ² the model is exact: a full step without damping to speak of changes the loss as foretold.
    #[test]
    fn damping_falls_where_the_model_is_right_and_rises_where_not() {
        let (alpha, h, theta) = (0.1, 2.0, 3.0);
        let gradient = h * theta;
        let step = -gradient / (alpha + (1.0 - alpha) * h);
        let loss = |theta: f64| 0.5 * h * theta * theta;
        let outcome = |after: f64| Outcome {
            slope: gradient * step,
            length: step * step,
            rate: 0.5,
            loss: (loss(theta), after),
        };
        let right = outcome(loss(theta + 0.5 * step));
        assert!((right.ratio(alpha) - 1.0).abs() < 1e-12);
        assert!(right.adapted(alpha) < alpha);
        assert!(outcome(loss(theta) + 1.0).adapted(alpha) > alpha);
        assert!(outcome(f64::NAN).adapted(alpha) > 4.0 * alpha);
    }

    /// Along the gradient alone the slope foretells all, and damping has no bound at 1.
    #[test]
    fn damping_above_one_makes_steps_along_the_gradient_smaller() {
        assert_eq!(system(0.25), (0.25, 1.0));
        assert_eq!(system(4.0), (1.0, 0.25));
        let gradient = 6.0;
        let outcome = |after: f64| Outcome {
            slope: -gradient * gradient,
            length: gradient * gradient,
            rate: 1e-3 * system(4.0).1,
            loss: (9.0, after),
        };
        assert!(outcome(10.0).adapted(4.0) > 16.0);
        let foretold = outcome(9.0).rate * gradient * gradient;
        assert!((outcome(9.0 - foretold).ratio(1.0) - 1.0).abs() < 1e-9);
        assert!(outcome(9.0 - foretold).adapted(4.0) < 4.0);
    }
}

//! Conjugate gradients to working precision. Why before a factorisation: a damped matrix is near a multiple of the identity, and a few
//! products with it give all digits that its factors would.

use super::element::Element;

/// Σ aᵢbᵢ in double precision, in lanes, so that it is fast and small numbers do not vanish.
pub(super) fn dot<T: Element>(a: &[T], b: &[T]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
    let rest: f64 = rest.map(|(a, b)| a.double() * b.double()).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a.double() * b.double();
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// `out += factor * by`
pub(super) fn add<T: Element>(out: &mut [T], factor: T, by: &[T]) {
    for (out, by) in out.iter_mut().zip(by) {
        *out += factor * *by;
    }
}

/// `direction = ahead + share * direction`
pub(super) fn follow<T: Element>(direction: &mut [T], share: T, ahead: &[T]) {
    for (direction, ahead) in direction.iter_mut().zip(ahead) {
        *direction = *ahead + share * *direction;
    }
}

/// Arrays that a solve works in.
#[derive(Debug, Default)]
pub(super) struct Workspace<T> {
    residual: Vec<T>,
    direction: Vec<T>,
    image: Vec<T>,
}

/// Solves `A x = b` for a symmetric A, `times` being the product with it. True when the residual is at most ε ‖b‖
/// after at most `iterations` products; false where A is not positive, or more products are needed.
pub(super) fn solve<T: Element>(
    x: &mut [T],
    b: &[T],
    iterations: usize,
    workspace: &mut Workspace<T>,
    mut times: impl FnMut(&mut [T], &[T]),
) -> bool {
    let Workspace {
        residual,
        direction,
        image,
    } = workspace;
    for array in [&mut *residual, &mut *direction] {
        array.clear();
        array.extend_from_slice(b);
    }
    image.resize(b.len(), T::zero());
    x.fill(T::zero());
    let of_right = dot(b, b);
    let rounding = T::default_epsilon().double().powi(2) * of_right;
    let mut square = of_right;
    for _ in 0..iterations {
        if square <= rounding {
            break;
        }
        times(image, direction);
        let curvature = dot(image, direction);
        if !(curvature > 0.0 && curvature.is_finite()) {
            return false;
        }
        let length = T::number(square / curvature);
        add(x, length, direction);
        add(residual, -length, image);
        let next = dot(residual, residual);
        follow(direction, T::number(next / square), residual);
        square = next;
    }
    if square.is_nan() || square > rounding {
        return false;
    }
    // What has been summed may have lost what is true: the residual is looked at itself.
    times(image, x);
    let off = |(image, b): (&T, &T)| (image.double() - b.double()).powi(2);
    let off: f64 = image.iter().zip(b).map(off).sum();
    off <= 64.0 * b.len() as f64 * rounding
}

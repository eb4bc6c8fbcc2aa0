//! Small dense matrices by the plainest methods. Why: the index core's numbers must not come from what it judges.

/// The inverse of an n × n matrix (columns stacked) by elimination with pivots.
pub(super) fn inverse(values: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut a = values.to_vec();
    let mut b = vec![0.0; n * n];
    (0..n).for_each(|i| b[i * n + i] = 1.0);
    for k in 0..n {
        let pivot = pivot(&a, n, k)?;
        for j in 0..n {
            a.swap(j * n + k, j * n + pivot);
            b.swap(j * n + k, j * n + pivot);
        }
        let scale = a[k * n + k].recip();
        for j in 0..n {
            a[j * n + k] *= scale;
            b[j * n + k] *= scale;
        }
        for i in (0..n).filter(|&i| i != k) {
            let factor = a[k * n + i];
            for j in 0..n {
                a[j * n + i] -= factor * a[j * n + k];
                b[j * n + i] -= factor * b[j * n + k];
            }
        }
    }
    Some(b)
}

/// The determinant by elimination with pivots.
pub(super) fn determinant(values: &[f64], n: usize) -> f64 {
    let mut a = values.to_vec();
    let mut product = 1.0;
    for k in 0..n {
        let Some(pivot) = pivot(&a, n, k) else {
            return 0.0;
        };
        if pivot != k {
            (0..n).for_each(|j| a.swap(j * n + k, j * n + pivot));
            product = -product;
        }
        product *= a[k * n + k];
        for i in k + 1..n {
            let factor = a[k * n + i] / a[k * n + k];
            (k..n).for_each(|j| a[j * n + i] -= factor * a[j * n + k]);
        }
    }
    product
}

/// The row below `k` with the largest entry in column `k`, unless all are zero.
fn pivot(a: &[f64], n: usize, k: usize) -> Option<usize> {
    let size = |&i: &usize| a[k * n + i].abs();
    let row = (k..n).max_by(|i, j| size(i).total_cmp(&size(j)))?;
    (size(&row) > 0.0).then_some(row)
}

/// f of the eigenvalues of a symmetric matrix, by Jacobi rotations.
pub(super) fn of_eigenvalues(values: &[f64], n: usize, f: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut a = values.to_vec();
    let mut v = vec![0.0; n * n];
    (0..n).for_each(|i| v[i * n + i] = 1.0);
    for _ in 0..60 {
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut v, n, p, q);
            }
        }
    }
    let mut result = vec![0.0; n * n];
    for k in 0..n {
        let e = f(a[k * n + k]);
        for j in 0..n {
            for i in 0..n {
                result[j * n + i] += v[k * n + i] * e * v[k * n + j];
            }
        }
    }
    result
}

/// Makes the entry (p, q) zero.
fn rotate(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let off = a[q * n + p];
    if off == 0.0 {
        return;
    }
    let angle = 0.5 * (2.0 * off).atan2(a[q * n + q] - a[p * n + p]);
    let (s, c) = angle.sin_cos();
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (v[p * n + k], v[q * n + k]);
        (v[p * n + k], v[q * n + k]) = (c * x - s * y, s * x + c * y);
    }
}

//! What is read, and as what.

use hbp::data::{Array, Item, Kind, digits};
use hbp::expr::{Dimension, Matrix, Shape};

use crate::archive::{header, npy, read_one};

#[test]
fn every_kind_of_number_is_read() {
    let cases: &[(&str, &[u8], Kind, f64)] = &[
        ("<f8", &1.5_f64.to_le_bytes(), Kind::Float64, 1.5),
        (">f8", &(-1.5_f64).to_be_bytes(), Kind::Float64, -1.5),
        (
            "<f4",
            &0.1_f32.to_le_bytes(),
            Kind::Float32,
            f64::from(0.1_f32),
        ),
        (">f4", &0.25_f32.to_be_bytes(), Kind::Float32, 0.25),
        ("|i1", &[0xff], Kind::Integer, -1.0),
        ("|u1", &[0xff], Kind::Integer, 255.0),
        ("<i2", &(-300_i16).to_le_bytes(), Kind::Integer, -300.0),
        (">u2", &60_000_u16.to_be_bytes(), Kind::Integer, 60_000.0),
        (
            "<i4",
            &(-70_000_i32).to_le_bytes(),
            Kind::Integer,
            -70_000.0,
        ),
        ("<u4", &4_000_000_000_u32.to_le_bytes(), Kind::Integer, 4e9),
        (
            "<i8",
            &(-(1_i64 << 53)).to_le_bytes(),
            Kind::Integer,
            -9_007_199_254_740_992.0,
        ),
        (
            ">u8",
            &(1_u64 << 53).to_be_bytes(),
            Kind::Integer,
            9_007_199_254_740_992.0,
        ),
    ];
    for (descr, bytes, kind, value) in cases {
        let item = read_one(&npy(&header(descr, false, "()"), bytes)).unwrap();
        let expected = Array {
            shape: vec![],
            values: vec![*value],
            kind: *kind,
        };
        assert_eq!(item, Item::Array(expected), "{descr}");
    }
    let word: Vec<u8> = "né"
        .chars()
        .chain(['\0'])
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    assert_eq!(
        read_one(&npy(&header("<U3", false, "()"), &word)).unwrap(),
        Item::from("né")
    );
}

#[test]
fn both_orders_mean_the_same_array() {
    let expected = Array::new(vec![2, 3, 2], (0..12).map(f64::from).collect()).unwrap();
    let at = |i: usize, j: usize, k: usize| expected.values[(i * 3 + j) * 2 + k];
    let bytes = |values: Vec<f64>| {
        values
            .into_iter()
            .flat_map(f64::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let c_order = bytes(expected.values.clone());
    let mut first_fastest = Vec::new();
    for k in 0..2 {
        for j in 0..3 {
            first_fastest.extend((0..2).map(|i| at(i, j, k)));
        }
    }
    for (fortran, data) in [(false, c_order), (true, bytes(first_fastest))] {
        let item = read_one(&npy(&header("<f8", fortran, "(2, 3, 2)"), &data)).unwrap();
        assert_eq!(item, Item::Array(expected.clone()));
    }
    assert_eq!(
        expected.sample(1).unwrap().values,
        [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]
    );
    assert_eq!(expected.sample(1).unwrap().shape, [3, 2]);
    assert_eq!(expected.sample(2), None);
}

#[test]
fn arrays_and_matrices_convert() {
    let matrix = Matrix::new(2, 3, vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]).unwrap();
    let array = Array::from_matrix(&matrix);
    assert_eq!(
        (array.shape.as_slice(), array.values.as_slice()),
        (&[2, 3][..], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..])
    );
    assert_eq!(array.to_matrix(2, 3), Some(matrix.clone()));
    assert_eq!(array.to_matrix(3, 2), None);
    let vector = Array::new(vec![3], vec![1.0, 2.0, 3.0]).unwrap();
    assert_eq!(
        vector.to_matrix(3, 1),
        Some(Matrix::vector(vec![1.0, 2.0, 3.0]))
    );
    assert_eq!(vector.to_matrix(1, 3), None);
    for shape in [vec![], vec![1], vec![1, 1], vec![1, 1, 1]] {
        assert_eq!(
            Array::new(shape, vec![7.0]).unwrap().to_matrix(1, 1),
            Some(Matrix::scalar(7.0))
        );
    }
    let n = Dimension::named("n");
    let column = Matrix::vector(vec![1.0, 2.0]);
    assert_eq!(
        Array::from_value(&column, &Shape::vector(n.clone())).shape,
        [2]
    );
    // A dimension that happens to be 1 keeps its axis.
    assert_eq!(
        Array::from_value(&Matrix::scalar(1.0), &Shape::vector(n)).shape,
        [1]
    );
    assert!(
        Array::from_value(&Matrix::scalar(1.0), &Shape::scalar())
            .shape
            .is_empty()
    );
    assert!(Array::new(vec![2, 2], vec![0.0]).is_err());
    assert!(Array::new(vec![usize::MAX, 2], vec![]).is_err());
}

#[test]
fn the_digits_are_those_of_the_source() {
    let digits = digits();
    assert_eq!(digits.images.shape(), (1797, 64));
    let mut histogram = [0; 10];
    for label in &digits.labels {
        histogram[*label] += 1;
    }
    assert_eq!(
        histogram,
        [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    );
    assert_eq!(digits.labels[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // Sums of sixteenths are exact.
    assert_eq!((digits.images.sum() * 16.0).to_string(), "561718");
    assert!(
        digits
            .images
            .values()
            .iter()
            .all(|v| (0.0..=1.0).contains(v))
    );
    // The first image by rows: its second row is 0 0 13 15 10 15 5 0.
    let row: Vec<f64> = (8..16).map(|j| digits.images[(0, j)] * 16.0).collect();
    assert_eq!(row, [0.0, 0.0, 13.0, 15.0, 10.0, 15.0, 5.0, 0.0]);
}

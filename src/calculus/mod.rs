//! First and second derivatives. Why two cores: the rules derive what is printed and run, the index core
//! derives the same equations from the same forward map by other means, so that each judges the other.

pub mod index;

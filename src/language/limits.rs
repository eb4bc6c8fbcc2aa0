//! Limits of the language. Why stated: a compiler that reads other people's files must refuse what it cannot
//! handle, with a message, before it runs out of stack, memory or patience.

/// Bytes of a file.
pub const FILE_BYTES: usize = 4 << 20;
/// Brackets, powers of powers and signs inside each other in one statement.
pub const NESTING: usize = 100;
/// Modules that call modules, and functions that call functions.
pub const CALL_DEPTH: usize = 64;
/// Nodes of one module's expression graph, its calls inlined.
pub const MODULE_NODES: usize = 50_000;
/// Nodes built for all modules and networks of a file together.
pub const FILE_NODES: usize = 400_000;
/// Operations in the definition of an elementwise function, the functions it uses written out.
pub const FUNCTION_NODES: u64 = 100_000;
/// Statements of a network.
pub const NETWORK_STATEMENTS: usize = 10_000;
/// Parameters of one module, its calls inlined.
pub const PARAMETERS: usize = 10_000;
/// The exponent of an integer power of a matrix.
pub const MATRIX_POWER: u64 = 64;
/// The exponent of ten of a literal.
pub const NUMBER_EXPONENT: i64 = 400;
/// Digits of a literal.
pub const NUMBER_DIGITS: usize = 400;
/// Bits of the numerator or denominator of an exact number.
pub const NUMBER_BITS: u64 = 4096;
/// A dimension given as a number.
pub const DIMENSION: u64 = 1_000_000_000;
/// Sizes multiplied in one term of a dimension.
pub const DIMENSION_DEGREE: u32 = 8;
/// Terms added in one dimension.
pub const DIMENSION_TERMS: usize = 8;
/// Bytes of a name.
pub const NAME_BYTES: usize = 1000;

//! The language: good text becomes the right expressions, bad text the right messages, and nothing makes the
//! parser panic.

#[path = "language/expression.rs"]
mod expression;
#[path = "language/message.rs"]
mod message;

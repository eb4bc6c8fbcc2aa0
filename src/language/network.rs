//! Networks: modules as nodes of a directed acyclic graph that ends in a loss.

use crate::diagnostic::Span;
use crate::expr::{Facts, Module, Name, Shape};

/// A network, checked, with every node's module at the network's dimensions.
///
/// Shapes stay symbolic where the text leaves them so.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its name.
    pub name: Name,
    /// One value a sample each.
    pub inputs: Vec<NetworkValue>,
    /// One value a sample each, constants of the loss. Facts that the loss declares of them are included.
    pub targets: Vec<NetworkValue>,
    /// In the order of the text: a node reads inputs and earlier nodes only.
    pub nodes: Vec<NetworkNode>,
    /// The node with a scalar output that is differentiated; the only one that reads targets.
    pub loss: NetworkNode,
    /// Every parameter once, in order of appearance, under its full name, `h1.W`.
    pub parameters: Vec<NetworkValue>,
}

/// An input, target or parameter of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkValue {
    /// Its name.
    pub name: Name,
    /// Its shape.
    pub shape: Shape,
    /// What is known of its value, to be checked on data.
    pub facts: Facts,
}

/// A module in a network.
#[derive(Clone, Debug)]
pub struct NetworkNode {
    /// The value's name, `loss` for the loss.
    pub name: Name,
    /// The module at the network's dimensions. An input that a target is bound to has the role of a target.
    ///
    /// A node that is a plain call, `h = linear[4](x)`, has the callee's names for its inputs, parameters and
    /// output; any other expression is one module whose inputs and parameters bear the network's names.
    pub module: Module,
    /// For each of the module's inputs the network's value: an input, a target or an earlier node.
    pub arguments: Vec<Name>,
    /// For each of the module's parameters its name in the module and in the network.
    pub parameters: Vec<(Name, Name)>,
    /// Where the node's expression stands.
    pub span: Span,
}

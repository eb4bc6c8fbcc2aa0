//! Fusion of elementwise instructions into loops. Why: φ, φ′ and φ″ of one argument share a pass over memory and the
//! evaluation of exp, and a value that only the loop itself reads needs no array.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::{Builder, Instruction};
use super::ir::{Block, Input, Kernel, Step, Value, ValueId};
use super::scalar::{Access, Argument, Line, Loop, Operand};

/// Instructions computed by one step.
#[derive(Default)]
struct Cluster {
    members: Vec<ValueId>,
    /// Rows and columns of a loop; none for any other kernel, or once merged away.
    shape: Option<(usize, usize)>,
    dependencies: BTreeSet<usize>,
}

struct Fusion<'a> {
    builder: &'a Builder,
    clusters: Vec<Cluster>,
    of: BTreeMap<ValueId, usize>,
}

/// What remains of the instructions that the outputs need: steps in order, with values numbered anew.
pub(crate) struct Fused {
    pub(crate) values: Vec<Value>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) steps: Vec<Step>,
    pub(crate) outputs: Vec<(String, Block)>,
}

/// Drops what no output needs, fuses elementwise instructions and orders the steps by demand.
pub(crate) fn fuse(builder: &Builder, inputs: &[Input], outputs: &[(String, Block)]) -> Fused {
    let roots: Vec<ValueId> = outputs
        .iter()
        .flat_map(|(_, block)| block.values())
        .collect();
    let mut fusion = Fusion {
        builder,
        clusters: Vec::new(),
        of: BTreeMap::new(),
    };
    for id in builder.live(&roots) {
        fusion.place(id);
    }
    fusion.finish(inputs, outputs, &roots)
}

impl Fusion<'_> {
    fn place(&mut self, id: ValueId) {
        let builder = self.builder;
        match &builder.instructions[id.index()] {
            Instruction::Input(_) => {}
            Instruction::Kernel(_) => {
                self.open(id, None);
            }
            Instruction::Map(_, operands) => {
                let value = &builder.values[id.index()];
                let shape = (value.rows, value.cols);
                let producers: BTreeSet<usize> = self.producers(id);
                let home = self.home(operands, &producers, shape);
                let home = match home {
                    Some(home) => {
                        self.join(id, home);
                        home
                    }
                    None => self.open(id, Some(shape)),
                };
                for other in producers {
                    if other != home
                        && self.clusters[other].shape == Some(shape)
                        && self.may_merge(other, home)
                    {
                        self.merge(other, home);
                    }
                }
            }
        }
    }

    /// The clusters that compute what `id` reads.
    fn producers(&self, id: ValueId) -> BTreeSet<usize> {
        let reads = self.builder.instructions[id.index()].reads();
        reads
            .iter()
            .filter_map(|read| self.of.get(read).copied())
            .collect()
    }

    /// The latest loop of this shape that computes an operand, or else one that reads the same array.
    fn home(
        &self,
        operands: &[Operand],
        producers: &BTreeSet<usize>,
        shape: (usize, usize),
    ) -> Option<usize> {
        // What the operands' own computation needs cannot compute this too.
        let needed = self.reached(
            producers
                .iter()
                .flat_map(|p| self.clusters[*p].dependencies.iter().copied()),
        );
        let fits = |cluster: usize| {
            self.clusters[cluster].shape == Some(shape)
                && !needed[cluster]
                && operands.iter().all(|operand| match operand {
                    Operand::Read(value, access) if self.of.get(value) == Some(&cluster) => {
                        access.is_identity(shape.0, shape.1)
                    }
                    _ => true,
                })
        };
        if let Some(home) = producers.iter().rev().find(|cluster| fits(**cluster)) {
            return Some(*home);
        }
        let shares = |cluster: usize| {
            let members = &self.clusters[cluster].members;
            let theirs = members
                .iter()
                .flat_map(|m| self.builder.instructions[m.index()].reads());
            let ours: Vec<ValueId> = operands
                .iter()
                .filter_map(|operand| match operand {
                    Operand::Read(value, access) if !access.is_scalar() => Some(*value),
                    _ => None,
                })
                .collect();
            theirs.into_iter().any(|value| ours.contains(&value))
        };
        (0..self.clusters.len())
            .rev()
            .find(|cluster| fits(*cluster) && shares(*cluster))
    }

    fn open(&mut self, id: ValueId, shape: Option<(usize, usize)>) -> usize {
        let home = self.clusters.len();
        self.clusters.push(Cluster {
            shape,
            ..Cluster::default()
        });
        self.join(id, home);
        home
    }

    fn join(&mut self, id: ValueId, home: usize) {
        let mut dependencies = self.producers(id);
        dependencies.remove(&home);
        self.clusters[home].dependencies.extend(dependencies);
        self.clusters[home].members.push(id);
        self.of.insert(id, home);
    }

    /// The clusters given and all that they need, by place.
    fn reached(&self, from: impl Iterator<Item = usize>) -> Vec<bool> {
        let mut reached = vec![false; self.clusters.len()];
        let mut stack: Vec<usize> = from.collect();
        while let Some(next) = stack.pop() {
            if !std::mem::replace(&mut reached[next], true) {
                stack.extend(&self.clusters[next].dependencies);
            }
        }
        reached
    }

    /// True when two loops of one shape can be one: values pass between them entry by entry, and nothing else
    /// stands between.
    fn may_merge(&self, from: usize, to: usize) -> bool {
        let between = |a: usize, b: usize| {
            let others = self.clusters[a].dependencies.iter().copied();
            self.reached(others.filter(|d| *d != b))[b]
        };
        let straight = |a: usize, b: usize| {
            self.clusters[a].members.iter().all(|member| {
                match &self.builder.instructions[member.index()] {
                    Instruction::Map(_, operands) => operands.iter().all(|operand| match operand {
                        Operand::Read(value, access) if self.of.get(value) == Some(&b) => {
                            let value = &self.builder.values[member.index()];
                            access.is_identity(value.rows, value.cols)
                        }
                        _ => true,
                    }),
                    _ => false,
                }
            })
        };
        !between(from, to) && !between(to, from) && straight(from, to) && straight(to, from)
    }

    fn merge(&mut self, from: usize, to: usize) {
        let gone = std::mem::take(&mut self.clusters[from]);
        for member in &gone.members {
            self.of.insert(*member, to);
        }
        for cluster in &mut self.clusters {
            if cluster.dependencies.remove(&from) {
                cluster.dependencies.insert(to);
            }
        }
        let home = &mut self.clusters[to];
        home.members.extend(gone.members);
        home.members.sort();
        home.dependencies.extend(gone.dependencies);
        home.dependencies.remove(&to);
    }

    /// Clusters in the order in which the outputs ask for them, so that values live briefly.
    fn order(&self, roots: &[ValueId]) -> Vec<usize> {
        let (mut order, mut done) = (Vec::new(), BTreeSet::new());
        for root in roots.iter().filter_map(|root| self.of.get(root)) {
            let mut stack = vec![(*root, false)];
            while let Some((cluster, ready)) = stack.pop() {
                if done.contains(&cluster) {
                    continue;
                }
                if ready {
                    done.insert(cluster);
                    order.push(cluster);
                    continue;
                }
                stack.push((cluster, true));
                stack.extend(
                    self.clusters[cluster]
                        .dependencies
                        .iter()
                        .rev()
                        .map(|d| (*d, false)),
                );
            }
        }
        order
    }

    fn finish(&self, inputs: &[Input], outputs: &[(String, Block)], roots: &[ValueId]) -> Fused {
        let builder = self.builder;
        // Stored: what an output or another cluster reads.
        let mut stored: BTreeSet<ValueId> = roots.iter().copied().collect();
        for (cluster, member) in self
            .clusters
            .iter()
            .enumerate()
            .flat_map(|(k, c)| c.members.iter().map(move |m| (k, m)))
        {
            let reads = builder.instructions[member.index()].reads();
            stored.extend(
                reads
                    .iter()
                    .filter(|read| self.of.get(read) != Some(&cluster)),
            );
        }
        let mut renumbered: BTreeMap<ValueId, ValueId> = BTreeMap::new();
        let mut values: Vec<Value> = Vec::new();
        let mut number = |old: ValueId, values: &mut Vec<Value>| {
            let next = ValueId(u32::try_from(values.len()).unwrap_or(u32::MAX));
            values.push(builder.values[old.index()].clone());
            renumbered.insert(old, next);
            next
        };
        let mut new_inputs = Vec::new();
        for input in inputs.iter().filter(|input| stored.contains(&input.value)) {
            new_inputs.push(Input {
                name: input.name.clone(),
                value: number(input.value, &mut values),
            });
        }
        let order = self.order(roots);
        let mut drafts = Vec::new();
        for cluster in order {
            let members = &self.clusters[cluster].members;
            let kept: Vec<ValueId> = members
                .iter()
                .copied()
                .filter(|m| stored.contains(m))
                .collect();
            let outputs = kept.iter().map(|m| number(*m, &mut values)).collect();
            drafts.push((cluster, kept, outputs));
        }
        let renumber = |old: ValueId| renumbered.get(&old).copied().unwrap_or(old);
        let steps = drafts
            .into_iter()
            .map(|(cluster, kept, outputs)| Step {
                kernel: self.kernel(cluster, &kept, &renumber),
                outputs,
            })
            .collect();
        let outputs = outputs
            .iter()
            .map(|(name, block)| (name.clone(), block.renumbered(&renumber)))
            .collect();
        Fused {
            values,
            inputs: new_inputs,
            steps,
            outputs,
        }
    }

    fn kernel(
        &self,
        cluster: usize,
        kept: &[ValueId],
        renumber: &impl Fn(ValueId) -> ValueId,
    ) -> Kernel {
        let members = &self.clusters[cluster].members;
        if let Instruction::Kernel(kernel) = &self.builder.instructions[members[0].index()] {
            return kernel.renumbered(renumber);
        }
        let (rows, cols) = self.clusters[cluster].shape.unwrap_or((0, 0));
        let mut reads: Vec<(ValueId, Access)> = Vec::new();
        let mut lines: BTreeMap<ValueId, usize> = BTreeMap::new();
        let mut body = Vec::new();
        for member in members {
            let Instruction::Map(op, operands) = &self.builder.instructions[member.index()] else {
                continue;
            };
            let arguments = operands
                .iter()
                .map(|operand| match operand {
                    Operand::Number(number) => Argument::Number(*number),
                    Operand::Read(value, access) => {
                        if let Some(line) = lines.get(value) {
                            return Argument::Line(*line);
                        }
                        let read = (renumber(*value), *access);
                        let known = reads.iter().position(|other| *other == read);
                        Argument::Read(known.unwrap_or_else(|| {
                            reads.push(read);
                            reads.len() - 1
                        }))
                    }
                })
                .collect();
            lines.insert(*member, body.len());
            body.push(Line { op: *op, arguments });
        }
        let stored = kept.iter().map(|value| lines[value]).collect();
        Kernel::Loop(Loop {
            rows,
            cols,
            reads,
            body,
            stored,
        })
    }
}

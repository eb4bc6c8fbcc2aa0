//! Canonical names for bound indices. Why a search and not only a sort: terms that look alike everywhere, such as the
//! two ends of a symmetric form, can only be told apart by trying; colours first keep the search small, and a limit
//! makes a hard case an error instead of a wait.

use std::collections::BTreeMap;

use super::error::{IndexError, Outcome};
use super::term::{BOUND, Factor, Index, Power, Slot, Term};

/// How many complete labellings of one component are compared.
const LEAVES: usize = 720;

/// Renames the bound indices and sorts the factors, so that terms that differ in names only become the same. Counts
/// its steps in `work`.
pub(super) fn canonical(term: Term, work: &mut usize) -> Outcome<Term> {
    let Term {
        factors,
        bound,
        coefficient,
    } = term;
    let (mut free, parts) = components(factors, &bound);
    free.iter_mut().for_each(Factor::order_slots);
    free.sort_unstable();
    let mut labelled = Vec::with_capacity(parts.len());
    for (factors, bound) in parts {
        labelled.push(label(factors, &bound, work)?);
    }
    labelled.sort_unstable();
    let mut bound = Vec::new();
    for (factors, own) in labelled {
        let offset = u32::try_from(bound.len()).unwrap_or(0);
        let shift = |i: &Index| {
            let id = if i.id >= BOUND { i.id + offset } else { i.id };
            Index {
                id,
                size: i.size.clone(),
            }
        };
        free.extend(factors.into_iter().map(|mut f| {
            for slot in &mut f.slots {
                *slot = slot.iter().map(shift).collect();
            }
            f
        }));
        let shifted: Vec<Index> = own.iter().map(shift).collect();
        bound.extend(shifted);
    }
    Ok(Term {
        factors: free,
        bound,
        coefficient,
    })
}

/// Factors with the bound indices that hold them together.
pub(super) type Component = (Vec<Factor>, Vec<Index>);

/// The factors without bound indices, and the groups that share bound indices.
pub(super) fn components(factors: Vec<Factor>, bound: &[Index]) -> (Vec<Factor>, Vec<Component>) {
    let mut free = Vec::new();
    let mut parts: Vec<Component> = Vec::new();
    for factor in factors {
        let own: Vec<&Index> = bound.iter().filter(|b| factor.touches(b.id)).collect();
        if own.is_empty() {
            free.push(factor);
            continue;
        }
        let mut merged: Component = (vec![factor], own.into_iter().cloned().collect());
        let mut rest = Vec::with_capacity(parts.len() + 1);
        for part in parts {
            if part.1.iter().any(|b| merged.1.contains(b)) {
                merged.0.extend(part.0);
                for b in part.1 {
                    if !merged.1.contains(&b) {
                        merged.1.push(b);
                    }
                }
            } else {
                rest.push(part);
            }
        }
        rest.push(merged);
        parts = rest;
    }
    (free, parts)
}

/// A factor with its bound indices as positions in the component's list.
struct Coded {
    head: usize,
    power: Power,
    /// The arrangements of the slots; an index is free (its id) or bound (its position, shifted by [`BOUND`]).
    slots: Vec<Vec<Vec<u32>>>,
}

type Signature = (usize, Power, Vec<u32>);

struct Search<'a> {
    factors: &'a [Coded],
    /// For every bound index the factors it stands in.
    homes: Vec<Vec<usize>>,
    best: Option<(Vec<Signature>, Vec<usize>)>,
    leaves: usize,
    touches: usize,
}

fn label(mut factors: Vec<Factor>, bound: &[Index], work: &mut usize) -> Outcome<Component> {
    let order = if let [_] = bound {
        vec![0]
    } else {
        search(&factors, bound, work)?
    };
    let names: BTreeMap<u32, Index> = bound
        .iter()
        .zip(&order)
        .map(|(b, &k)| {
            (
                b.id,
                Index {
                    id: BOUND + u32::try_from(k).unwrap_or(0),
                    size: b.size.clone(),
                },
            )
        })
        .collect();
    for factor in &mut factors {
        for slot in &mut factor.slots {
            *slot = slot
                .iter()
                .map(|i| names.get(&i.id).unwrap_or(i).clone())
                .collect::<Slot>();
        }
        factor.order_slots();
    }
    factors.sort_unstable();
    let mut own: Vec<Index> = names.into_values().collect();
    own.sort_unstable();
    Ok((factors, own))
}

fn search(factors: &[Factor], bound: &[Index], work: &mut usize) -> Outcome<Vec<usize>> {
    let mut heads: Vec<_> = factors.iter().map(|f| &f.head).collect();
    heads.sort_unstable();
    heads.dedup();
    let positions: BTreeMap<u32, u32> = (0u32..).zip(bound).map(|(k, b)| (b.id, k)).collect();
    let code = |i: &Index| positions.get(&i.id).map_or(i.id, |k| BOUND + k);
    let coded: Vec<Coded> = factors
        .iter()
        .map(|f| Coded {
            head: heads.binary_search(&&f.head).unwrap_or(0),
            power: f.power,
            slots: f
                .arrangements()
                .map(|slots| slots.iter().map(|s| s.iter().map(code).collect()).collect())
                .collect(),
        })
        .collect();
    let homes = bound
        .iter()
        .map(|b| {
            (0..factors.len())
                .filter(|&k| factors[k].touches(b.id))
                .collect()
        })
        .collect();
    let mut search = Search {
        factors: &coded,
        homes,
        best: None,
        leaves: 0,
        touches: 0,
    };
    let sizes: Vec<_> = bound.iter().map(|b| &b.size).collect();
    let searched = search.descend(rank(&sizes));
    // A step is about what naming a term of a dozen subscripts takes.
    *work += search.touches / 32;
    searched?;
    Ok(search.best.map(|(_, order)| order).unwrap_or_default())
}

/// The rank of each value among the distinct values.
fn rank<T: Ord>(values: &[T]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].cmp(&values[b]));
    let mut ranks = vec![0; values.len()];
    for w in 1..order.len() {
        let step = usize::from(values[order[w]] != values[order[w - 1]]);
        ranks[order[w]] = ranks[order[w - 1]] + step;
    }
    ranks
}

impl Search<'_> {
    fn signature(factor: &Coded, colours: &[usize], marked: Option<usize>) -> Signature {
        let encode = |slots: &Vec<Vec<u32>>| {
            let mut flat = Vec::new();
            for slot in slots {
                for &i in slot {
                    let colour = |k: usize| u32::try_from(colours[k]).unwrap_or(0);
                    flat.push(if i < BOUND {
                        i
                    } else {
                        BOUND + colour((i - BOUND) as usize)
                    });
                    if marked.is_some_and(|k| i >= BOUND && (i - BOUND) as usize == k) {
                        flat.push(u32::MAX - 1);
                    }
                }
                flat.push(u32::MAX);
            }
            flat
        };
        let slots = factor.slots.iter().map(encode).min().unwrap_or_default();
        (factor.head, factor.power, slots)
    }

    /// Splits colour classes by what their members touch, until nothing changes.
    fn refine(&mut self, mut colours: Vec<usize>) -> Vec<usize> {
        let mut classes = count(&colours);
        loop {
            self.touches += self.homes.iter().map(Vec::len).sum::<usize>();
            let seen: Vec<(usize, Vec<Signature>)> = (0..colours.len())
                .map(|k| {
                    let mut marks: Vec<Signature> = self.homes[k]
                        .iter()
                        .map(|&f| Self::signature(&self.factors[f], &colours, Some(k)))
                        .collect();
                    marks.sort_unstable();
                    (colours[k], marks)
                })
                .collect();
            colours = rank(&seen);
            let now = count(&colours);
            if now == classes || now == colours.len() {
                return colours;
            }
            classes = now;
        }
    }

    fn descend(&mut self, colours: Vec<usize>) -> Outcome<()> {
        let colours = self.refine(colours);
        let Some(class) = first_shared(&colours) else {
            return self.leaf(colours);
        };
        let members: Vec<usize> = (0..colours.len())
            .filter(|&k| colours[k] == class)
            .collect();
        for (n, &k) in members.iter().enumerate() {
            // A member that can be exchanged with an earlier one leads to the same labellings.
            if members[..n].iter().any(|&j| self.exchangeable(j, k)) {
                continue;
            }
            let split: Vec<(usize, bool)> = colours
                .iter()
                .enumerate()
                .map(|(j, &c)| (c, c == class && j != k))
                .collect();
            self.descend(rank(&split))?;
        }
        Ok(())
    }

    fn exchangeable(&self, j: usize, k: usize) -> bool {
        let own: Vec<usize> = (0..self.homes.len()).collect();
        let mut swapped = own.clone();
        swapped.swap(j, k);
        self.homes[j].len() == self.homes[k].len()
            && self.signatures(&own) == self.signatures(&swapped)
    }

    fn signatures(&self, colours: &[usize]) -> Vec<Signature> {
        let mut all: Vec<Signature> = self
            .factors
            .iter()
            .map(|f| Self::signature(f, colours, None))
            .collect();
        all.sort_unstable();
        all
    }

    fn leaf(&mut self, colours: Vec<usize>) -> Outcome<()> {
        self.leaves += 1;
        if self.leaves > LEAVES {
            return Err(IndexError::Limit {
                what: "labellings of one term",
                limit: LEAVES,
            });
        }
        let code = self.signatures(&colours);
        if self.best.as_ref().is_none_or(|(best, _)| code < *best) {
            self.best = Some((code, colours));
        }
        Ok(())
    }
}

fn count(colours: &[usize]) -> usize {
    colours.iter().max().map_or(0, |m| m + 1)
}

fn first_shared(colours: &[usize]) -> Option<usize> {
    let mut sizes = vec![0usize; count(colours)];
    for &c in colours {
        sizes[c] += 1;
    }
    sizes.iter().position(|&n| n > 1)
}

//! Where the boxes of a drawing stand. Why our own: a network is all but a chain, so columns by depth, with long edges in lanes below,
//! are read easily and take time in proportion to the edges; layouts that bend each long edge around boxes take minutes for hundreds of nodes.

use super::draw::{Drawing, Kind};

/// The width of a letter, and the height of a line.
pub(crate) const LETTER: i64 = 7;
pub(crate) const LINE: i64 = 16;
/// Between boxes one above the other, and around the drawing.
const SPACE: i64 = 24;
/// Between neighbouring lines of long edges, and the room in which short edges bend.
const TRACK: i64 = 10;
const BEND: i64 = 48;
/// The height that an edge with its two lines of text takes at its reader.
const PORT: i64 = 2 * LINE + 4;
/// How often columns are sorted, from left to right and back.
const SWEEPS: usize = 4;

/// A box by its corner and size.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Placed {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) width: i64,
    pub(crate) height: i64,
}

impl Placed {
    fn middle(&self) -> i64 {
        self.y + self.height / 2
    }
}

/// The way of an edge, from the right side of a box to the left of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) start: (i64, i64),
    pub(crate) end: (i64, i64),
    pub(crate) kind: Way,
}

/// How an edge goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// To the next column: it bends between these places.
    Short { from: i64, to: i64 },
    /// Further: down at the first place, along a lane at this height, up at the other place.
    Long { down: i64, lane: i64, up: i64 },
}

/// A drawing with places.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) boxes: Vec<Placed>,
    pub(crate) routes: Vec<Route>,
    pub(crate) width: i64,
    pub(crate) height: i64,
}

/// Boxes in columns, each right of all that it reads.
pub(crate) fn layout(drawing: &Drawing) -> Layout {
    let ranks = ranks(drawing);
    let count = ranks.iter().max().map_or(0, |last| last + 1);
    let is_long = |edge: usize| {
        let edge = &drawing.edges[edge];
        ranks[edge.to] > ranks[edge.from] + 1
    };
    let (mut reads, mut readers) = (vec![Vec::new(); ranks.len()], vec![Vec::new(); ranks.len()]);
    for (place, edge) in drawing.edges.iter().enumerate() {
        reads[edge.to].push(place);
        readers[edge.from].push(place);
    }
    let mut boxes = sizes(drawing, &reads, &readers);
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (place, rank) in ranks.iter().enumerate() {
        columns[*rank].push(place);
    }
    stack(drawing, &mut columns, &mut boxes, &reads, &readers);

    // One line down for each value that is read further on, one up for each such reading.
    let downs: Vec<Vec<usize>> = columns
        .iter()
        .map(|column| {
            let leaves = |place: &usize| readers[*place].iter().any(|edge| is_long(*edge));
            column.iter().copied().filter(leaves).collect()
        })
        .collect();
    let ups: Vec<Vec<usize>> = columns
        .iter()
        .map(|column| {
            let edges = column
                .iter()
                .flat_map(|place| reads[*place].iter().copied());
            edges.filter(|edge| is_long(*edge)).collect()
        })
        .collect();
    let (lanes, lane_count) = lanes(drawing, &ranks, &downs, &readers);

    let lowest = boxes.iter().map(|b| b.y + b.height).max().unwrap_or(0);
    let highest = boxes.iter().map(|b| b.y).min().unwrap_or(0);
    let lane_y = |lane: i64| lowest - highest + 2 * SPACE + lane * TRACK;
    let (mut down_x, mut up_x) = (vec![0; ranks.len()], vec![0; drawing.edges.len()]);
    let mut bends = vec![(0, 0); count];
    let mut x = SPACE;
    for (rank, column) in columns.iter().enumerate() {
        if rank > 0 {
            x += TRACK * tracks(&downs[rank - 1]);
            bends[rank] = (x, x + BEND);
            x += BEND;
            for edge in &ups[rank] {
                up_x[*edge] = x;
                x += TRACK;
            }
            let edges = column.iter().flat_map(|place| &reads[*place]);
            let lines = edges.flat_map(|edge| &drawing.edges[*edge].lines);
            x += lines.map(|line| text_width(line)).max().unwrap_or(0) + 2 * TRACK;
        }
        let width = column
            .iter()
            .map(|place| boxes[*place].width)
            .max()
            .unwrap_or(0);
        for place in column {
            boxes[*place].x = x;
            boxes[*place].width = width;
            boxes[*place].y += SPACE - highest;
        }
        x += width;
        for (k, place) in downs[rank].iter().enumerate() {
            down_x[*place] = x + TRACK * (1 + i64::try_from(k).unwrap_or(0));
        }
    }
    let ports = ports(drawing, &boxes, &reads, &readers, &is_long);
    let routes = drawing.edges.iter().enumerate().map(|(place, edge)| {
        let (from, to) = (&boxes[edge.from], &boxes[edge.to]);
        let (leaves, arrives) = ports[place];
        Route {
            start: (from.x + from.width, leaves),
            end: (to.x, arrives),
            kind: if is_long(place) {
                Way::Long {
                    down: down_x[edge.from],
                    lane: lane_y(lanes[edge.from]),
                    up: up_x[place],
                }
            } else {
                let (from, to) = bends[ranks[edge.to]];
                Way::Short { from, to }
            },
        }
    });
    Layout {
        routes: routes.collect(),
        boxes,
        width: x + SPACE,
        height: lane_y(lane_count),
    }
}

/// The room for lines down, with one free on the left.
fn tracks(downs: &[usize]) -> i64 {
    i64::try_from(downs.len() + 1).unwrap_or(0)
}

/// The width of a text in letters of one width.
fn text_width(text: &str) -> i64 {
    LETTER.saturating_mul(i64::try_from(text.chars().count()).unwrap_or(0))
}

/// The column of each box: nodes right of all they read, what is given just left of its first reader.
fn ranks(drawing: &Drawing) -> Vec<usize> {
    let mut ranks: Vec<usize> = drawing
        .boxes
        .iter()
        .map(|block| usize::from(!is_given(block.kind)))
        .collect();
    // Edges come in the order of their readers, which read earlier ones only.
    for edge in &drawing.edges {
        ranks[edge.to] = ranks[edge.to].max(ranks[edge.from] + 1);
    }
    let mut first = vec![usize::MAX; ranks.len()];
    for edge in &drawing.edges {
        first[edge.from] = first[edge.from].min(ranks[edge.to]);
    }
    for (place, block) in drawing.boxes.iter().enumerate() {
        if is_given(block.kind) && first[place] < usize::MAX {
            ranks[place] = first[place] - 1;
        }
    }
    ranks
}

fn is_given(kind: Kind) -> bool {
    matches!(kind, Kind::Data | Kind::Shared)
}

/// Boxes that hold their text and have room for the texts of all that they read.
fn sizes(drawing: &Drawing, reads: &[Vec<usize>], readers: &[Vec<usize>]) -> Vec<Placed> {
    let number = |edges: &Vec<usize>| i64::try_from(edges.len()).unwrap_or(0);
    let blocks = drawing.boxes.iter().enumerate();
    let sized = blocks.map(|(place, block)| {
        let text = block.lines.iter().map(|line| text_width(line)).max();
        let lines = i64::try_from(block.lines.len()).unwrap_or(0);
        let height = (lines * LINE + LINE)
            .max(number(&reads[place]) * PORT)
            .max(number(&readers[place]).min(8) * TRACK);
        Placed {
            width: text.unwrap_or(0) + 2 * SPACE,
            height,
            ..Placed::default()
        }
    });
    sized.collect()
}

/// Sorts every column by where its neighbours stand, and puts its boxes one below the other, in the middle.
fn stack(
    drawing: &Drawing,
    columns: &mut [Vec<usize>],
    boxes: &mut [Placed],
    reads: &[Vec<usize>],
    readers: &[Vec<usize>],
) {
    let pile = |column: &[usize], boxes: &mut [Placed]| {
        let total: i64 = column
            .iter()
            .map(|place| boxes[*place].height + SPACE)
            .sum();
        let mut y = (SPACE - total) / 2;
        for place in column {
            boxes[*place].y = y;
            y += boxes[*place].height + SPACE;
        }
    };
    for column in &*columns {
        pile(column, boxes);
    }
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let order: Vec<usize> = if forward {
            (0..columns.len()).collect()
        } else {
            (0..columns.len()).rev().collect()
        };
        for rank in order {
            let mean = |place: &usize| {
                let edges = if forward {
                    &reads[*place]
                } else {
                    &readers[*place]
                };
                let other = |edge: &usize| {
                    let edge = &drawing.edges[*edge];
                    boxes[if forward { edge.from } else { edge.to }].middle()
                };
                match i64::try_from(edges.len()) {
                    Ok(many) if many > 0 => edges.iter().map(other).sum::<i64>() / many,
                    _ => boxes[*place].middle(),
                }
            };
            // A stable sort: equals stay in the order of the text.
            columns[rank].sort_by_cached_key(mean);
            pile(&columns[rank], boxes);
        }
    }
}

/// The lane of each value that is read further on than in the next column, and how many lanes there are: each takes the first that is
/// free as far as its last reader.
fn lanes(
    drawing: &Drawing,
    ranks: &[usize],
    downs: &[Vec<usize>],
    readers: &[Vec<usize>],
) -> (Vec<i64>, i64) {
    let mut lanes = vec![0; ranks.len()];
    let mut ends: Vec<usize> = Vec::new();
    for place in downs.iter().flatten() {
        let last = readers[*place]
            .iter()
            .map(|edge| ranks[drawing.edges[*edge].to])
            .max();
        let last = last.unwrap_or(0);
        // The line up to a reader is left of its column, right of the lines down from the one before.
        let free = ends.iter().position(|end| *end <= ranks[*place]);
        let lane = free.unwrap_or_else(|| {
            ends.push(0);
            ends.len() - 1
        });
        ends[lane] = last;
        lanes[*place] = i64::try_from(lane).unwrap_or(0);
    }
    (lanes, i64::try_from(ends.len()).unwrap_or(0))
}

/// The heights at which each edge leaves and arrives: beside each other in the order in which they come; all long edges of a value leave as one.
fn ports(
    drawing: &Drawing,
    boxes: &[Placed],
    reads: &[Vec<usize>],
    readers: &[Vec<usize>],
    is_long: &dyn Fn(usize) -> bool,
) -> Vec<(i64, i64)> {
    let mut ports = vec![(0, 0); drawing.edges.len()];
    let at = |block: &Placed, k: usize, count: usize| {
        let (k, count) = (
            i64::try_from(k).unwrap_or(0),
            i64::try_from(count).unwrap_or(1),
        );
        block.y + block.height * (2 * k + 1) / (2 * count)
    };
    for (place, block) in boxes.iter().enumerate() {
        let mut arriving = reads[place].clone();
        arriving.sort_by_key(|edge| (is_long(*edge), boxes[drawing.edges[*edge].from].y, *edge));
        for (k, edge) in arriving.iter().enumerate() {
            ports[*edge].1 = at(block, k, arriving.len());
        }
        let (long, mut short): (Vec<usize>, Vec<usize>) =
            readers[place].iter().partition(|edge| is_long(**edge));
        short.sort_by_key(|edge| (boxes[drawing.edges[*edge].to].y, *edge));
        let count = short.len() + usize::from(!long.is_empty());
        for (k, edge) in short.iter().enumerate() {
            ports[*edge].0 = at(block, k, count);
        }
        for edge in long {
            ports[edge].0 = at(block, short.len(), count);
        }
    }
    ports
}

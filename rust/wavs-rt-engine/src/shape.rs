// SPDX-License-Identifier: Apache-2.0
//! How much a component unfolds to, found out before the compiler unfolds it.
//!
//! A component may hold components and instantiate each of them many times, so a file of some hundred
//! bytes can stand for more core instances than fit into memory, and the compiler makes a list of all
//! of them. Here each component is weighed once, with the weights of those it instantiates. And the
//! reader of types calls itself for each type within a type, to any depth.

/// What a component unfolds to.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Weight {
    /// Core instances.
    pub instances: u64,
    /// Definitions of every kind: what the compiler goes through.
    pub items: u64,
}

impl Weight {
    fn add(&mut self, more: Self) {
        self.instances = self.instances.saturating_add(more.instances);
        self.items = self.items.saturating_add(more.items);
    }
}

/// Why a component was not weighed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unweighed {
    /// The sections are not those of a component.
    Damaged,
    /// It instantiates a component that comes from elsewhere, whose weight nobody knows here.
    Foreign,
    /// Components in components or types in types, deeper than any tool makes them.
    Deep,
}

type Outcome<T> = Result<T, Unweighed>;

/// The same as Wasmtime's bound for nested types.
const MAX_DEPTH: usize = 100;
/// Types within types, all of one section together; far from where the reader's stack ends.
const MAX_INNER_TYPES: usize = 500;
const HEADER: usize = 8;

mod section {
    pub const CORE_INSTANCE: u8 = 2;
    pub const COMPONENT: u8 = 4;
    pub const INSTANCE: u8 = 5;
    pub const ALIAS: u8 = 6;
    pub const TYPE: u8 = 7;
    pub const CANON: u8 = 8;
    pub const IMPORT: u8 = 10;
    pub const EXPORT: u8 = 11;
}

/// The kind of definition that components are.
const COMPONENT_SORT: u8 = 4;

/// The components one component can name, by index; none: foreign.
type Space = Vec<Option<Weight>>;

/// Weighs a whole component, with its header.
pub fn weigh(wasm: &[u8]) -> Outcome<Weight> {
    weigh_nested(wasm, &mut Vec::new())
}

fn weigh_nested(wasm: &[u8], outer: &mut Vec<Space>) -> Outcome<Weight> {
    if outer.len() >= MAX_DEPTH {
        return Err(Unweighed::Deep);
    }
    let mut rest = Bytes(wasm.get(HEADER..).ok_or(Unweighed::Damaged)?);
    let mut weight = Weight::default();
    outer.push(Space::new());
    while !rest.0.is_empty() {
        let id = rest.byte()?;
        let len = rest.number()?;
        let mut body = Bytes(rest.take(len)?);
        match id {
            section::CORE_INSTANCE => {
                let count = body.number()?.into();
                weight.add(Weight { instances: count, items: count });
            }
            section::COMPONENT => {
                let nested = weigh_nested(body.0, outer)?;
                space(outer)?.push(Some(nested));
                weight.add(Weight { instances: 0, items: 1 });
            }
            section::CANON => weight.add(Weight { instances: 0, items: body.number()?.into() }),
            section::INSTANCE => weight.add(instances(&mut body, space(outer)?)?),
            section::ALIAS => weight.add(body.each(|body| alias(body, outer))?),
            section::IMPORT => weight.add(body.each(|body| import(body, space(outer)?))?),
            section::EXPORT => weight.add(body.each(|body| export(body, space(outer)?))?),
            section::TYPE if inner_types(body.0) > MAX_INNER_TYPES => return Err(Unweighed::Deep),
            // Modules and types are compiled once; custom sections are skipped.
            _ => {}
        }
    }
    outer.pop();
    Ok(weight)
}

/// At least as many as there are: every component or instance type within another one is a
/// declaration that begins with these two bytes.
fn inner_types(body: &[u8]) -> usize {
    const TYPE_DECLARATION: u8 = 1;
    const COMPONENT: u8 = 0x41;
    const INSTANCE: u8 = 0x42;
    body.windows(2).filter(|pair| matches!(pair, [TYPE_DECLARATION, COMPONENT | INSTANCE])).count()
}

fn space(outer: &mut [Space]) -> Outcome<&mut Space> {
    outer.last_mut().ok_or(Unweighed::Damaged)
}

fn instances(body: &mut Bytes<'_>, space: &Space) -> Outcome<Weight> {
    let mut total = Weight::default();
    let made = body.each(|body| {
        if body.byte()? == 0 {
            let of = body.number()? as usize;
            total.add(space.get(of).ok_or(Unweighed::Damaged)?.ok_or(Unweighed::Foreign)?);
            return body.each(|body| {
                body.name()?;
                body.sort_and_index().map(|_| ())
            });
        }
        body.each(|body| {
            body.extern_name()?;
            body.sort_and_index().map(|_| ())
        })
    })?;
    total.add(made);
    Ok(total)
}

fn alias(body: &mut Bytes<'_>, outer: &mut [Space]) -> Outcome<Weight> {
    const OF_OUTER: u8 = 2;
    let sort = body.sort()?;
    let target = body.byte()?;
    let first = body.number()? as usize;
    let mut found = None;
    if target == OF_OUTER {
        let index = body.number()? as usize;
        let depth = outer.len().checked_sub(first + 1).ok_or(Unweighed::Damaged)?;
        found = outer[depth].get(index).copied().flatten();
    } else {
        body.name()?;
    }
    if sort == COMPONENT_SORT {
        space(outer)?.push(found);
    }
    Ok(Weight::default())
}

fn import(body: &mut Bytes<'_>, space: &mut Space) -> Outcome<Weight> {
    body.extern_name()?;
    if body.extern_type()? == COMPONENT_SORT {
        space.push(None);
    }
    Ok(Weight::default())
}

fn export(body: &mut Bytes<'_>, space: &mut Space) -> Outcome<Weight> {
    body.extern_name()?;
    let (sort, index) = body.sort_and_index()?;
    if body.byte()? == 1 {
        body.extern_type()?;
    }
    // An export is a definition of its own, with the next index.
    if sort == COMPONENT_SORT {
        let same = *space.get(index).ok_or(Unweighed::Damaged)?;
        space.push(same);
    }
    Ok(Weight::default())
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Outcome<u8> {
        let (first, rest) = self.0.split_first().ok_or(Unweighed::Damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    /// LEB128, unsigned, 32 bits.
    fn number(&mut self) -> Outcome<u32> {
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| Unweighed::Damaged);
            }
        }
        Err(Unweighed::Damaged)
    }

    fn take(&mut self, len: u32) -> Outcome<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len as usize).ok_or(Unweighed::Damaged)?;
        self.0 = rest;
        Ok(head)
    }

    /// A list; its length is the number of items.
    fn each<T: Counted>(&mut self, mut one: impl FnMut(&mut Self) -> Outcome<T>) -> Outcome<Weight> {
        let count = self.number()?;
        let mut weight = Weight { instances: 0, items: count.into() };
        for _ in 0..count {
            weight.add(one(self)?.weight());
        }
        Ok(weight)
    }

    fn name(&mut self) -> Outcome<()> {
        let len = self.number()?;
        self.take(len).map(|_| ())
    }

    fn extern_name(&mut self) -> Outcome<()> {
        // 1 is what tools wrote before 2024; it means the same.
        if self.byte()? > 1 {
            return Err(Unweighed::Damaged);
        }
        self.name()
    }

    fn sort(&mut self) -> Outcome<u8> {
        let sort = self.byte()?;
        if sort == 0 {
            self.byte()?;
        }
        Ok(sort)
    }

    fn sort_and_index(&mut self) -> Outcome<(u8, usize)> {
        Ok((self.sort()?, self.number()? as usize))
    }

    /// The kind of what an import or export is declared to be.
    fn extern_type(&mut self) -> Outcome<u8> {
        const CORE: u8 = 0;
        const VALUE: u8 = 2;
        const TYPE: u8 = 3;
        let kind = self.byte()?;
        match kind {
            CORE => {
                self.byte()?;
                self.number()?;
            }
            // A bound: equal to an index, or a new resource, which has none.
            TYPE => {
                if self.byte()? == 0 {
                    self.number()?;
                }
            }
            VALUE => return Err(Unweighed::Damaged),
            _ => {
                self.number()?;
            }
        }
        Ok(kind)
    }
}

/// What an item of a list weighs besides itself.
trait Counted {
    fn weight(&self) -> Weight;
}

impl Counted for Weight {
    fn weight(&self) -> Weight {
        *self
    }
}

impl Counted for () {
    fn weight(&self) -> Weight {
        Weight::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 8] = *b"\0asm\x0d\0\x01\0";

    fn leb(mut value: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while value > 0x7f {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    }

    fn section(id: u8, body: &[u8]) -> Vec<u8> {
        [&[id][..], &leb(body.len()), body].concat()
    }

    fn component(sections: &[Vec<u8>]) -> Vec<u8> {
        [&MAGIC[..], &sections.concat()].concat()
    }

    /// `count` instances of the component with index `of`, without arguments.
    fn instances_of(of: u8, count: usize) -> Vec<u8> {
        section(5, &[leb(count), [0, of, 0].repeat(count)].concat())
    }

    /// Each level instantiates the one below `width` times; the lowest makes one core instance.
    fn bomb(levels: usize, width: usize) -> Vec<u8> {
        let mut inner = component(&[section(1, b"\0asm\x01\0\0\0"), section(2, &[1, 0, 0, 0])]);
        for _ in 0..levels {
            inner = component(&[section(4, &inner), instances_of(0, width)]);
        }
        inner
    }

    #[test]
    fn a_component_weighs_what_it_unfolds_to() {
        assert_eq!(weigh(&MAGIC), Ok(Weight::default()));
        assert_eq!(weigh(&bomb(0, 0)).map(|weight| weight.instances), Ok(1));
        assert_eq!(weigh(&bomb(3, 10)).map(|weight| weight.instances), Ok(1000));
        let heavy = weigh(&bomb(30, 100)).unwrap();
        assert_eq!((heavy.instances, heavy.items), (u64::MAX, u64::MAX));
    }

    #[test]
    fn a_component_is_followed_through_aliases_and_exports() {
        let one = bomb(0, 0);
        // In a nested component: an alias of the outer component 0, instantiated twice.
        let inner = component(&[section(6, &[1, 4, 2, 1, 0]), instances_of(0, 2)]);
        let whole = component(&[section(4, &one), section(4, &inner), instances_of(1, 3)]);
        assert_eq!(weigh(&whole).map(|weight| weight.instances), Ok(6));
        let exported =
            component(&[section(4, &one), section(11, &[1, 0, 1, b'c', 4, 0, 0]), instances_of(1, 5)]);
        assert_eq!(weigh(&exported).map(|weight| weight.instances), Ok(5));
    }

    #[test]
    fn what_comes_from_elsewhere_is_not_weighed() {
        let imported = component(&[section(10, &[1, 0, 1, b'c', 4, 0]), instances_of(0, 1)]);
        assert_eq!(weigh(&imported), Err(Unweighed::Foreign));
        let unused = component(&[section(10, &[1, 0, 1, b'c', 4, 0])]);
        assert!(weigh(&unused).is_ok());
        assert_eq!(weigh(&component(&[instances_of(0, 1)])), Err(Unweighed::Damaged));
        assert_eq!(weigh(&bomb(150, 1)), Err(Unweighed::Deep));
    }

    #[test]
    fn no_bytes_upset_it() {
        let whole = bomb(3, 10);
        for end in 0..whole.len() {
            let _ = weigh(&whole[..end]);
        }
        for at in 8..whole.len() {
            for byte in [0, 1, 4, 5, 0x7f, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                let _ = weigh(&damaged);
            }
        }
    }
}

//! JSON written with indentation, token by token, up to a size.

/// The text is as large as it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// What is written so far.
#[derive(Debug)]
pub(crate) struct Indented {
    text: String,
    most: usize,
    level: usize,
    /// Whether the innermost container has nothing in it yet.
    is_empty: bool,
}

impl Indented {
    /// Nothing yet, to stand `level` levels deep in another text; at most `most` bytes.
    pub(crate) fn new(level: usize, most: usize) -> Self {
        Self { text: String::new(), most, level, is_empty: true }
    }

    /// A scalar, as it is to be written.
    pub(crate) fn scalar(&mut self, text: &str) -> Result<(), TooLarge> {
        self.is_empty = false;
        self.put(text)
    }

    /// `{` or `[`.
    pub(crate) fn open(&mut self, bracket: &str) -> Result<(), TooLarge> {
        self.put(bracket)?;
        self.level += 1;
        self.is_empty = true;
        Ok(())
    }

    /// Before an element's value.
    pub(crate) fn element(&mut self) -> Result<(), TooLarge> {
        if !self.is_empty {
            self.put(",")?;
        }
        self.line()
    }

    /// Before a member's value; the key with its quotes.
    pub(crate) fn key(&mut self, key: &str) -> Result<(), TooLarge> {
        self.element()?;
        self.put(key)?;
        self.put(": ")
    }

    /// `}` or `]`.
    pub(crate) fn close(&mut self, bracket: &str) -> Result<(), TooLarge> {
        self.level = self.level.saturating_sub(1);
        if !self.is_empty {
            self.line()?;
        }
        self.is_empty = false;
        self.put(bracket)
    }

    /// What was written.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self) -> Result<(), TooLarge> {
        const STEP: &str = "  ";
        self.put("\n")?;
        // A line of a million levels is not written beyond the limit.
        (0..self.level).try_for_each(|_| self.put(STEP))
    }

    fn put(&mut self, text: &str) -> Result<(), TooLarge> {
        if self.text.len() + text.len() > self.most {
            return Err(TooLarge);
        }
        self.text.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Indented, TooLarge};

    #[test]
    fn a_text_may_be_as_large_as_was_said() {
        let written = |most: usize| {
            let mut out = Indented::new(1, most);
            out.open("{")?;
            out.key("\"a\"")?;
            out.open("[")?;
            out.element()?;
            out.scalar("1")?;
            out.element()?;
            out.scalar("2")?;
            out.close("]")?;
            out.close("}")?;
            Ok(out.into_text())
        };
        let whole = "{\n    \"a\": [\n      1,\n      2\n    ]\n  }";
        assert_eq!(written(whole.len()), Ok(whole.to_owned()));
        assert_eq!(written(whole.len() - 1), Err(TooLarge));
    }
}

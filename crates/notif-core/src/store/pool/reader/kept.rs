//! The statements that are prepared on a connection, and the names that they have there.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;

/// The names, by statement.
#[derive(Default)]
pub(super) struct Kept {
    names: HashMap<Arc<str>, Arc<CString>>,
    /// The one that was asked for last: a connection that is shared asks for the same one again and
    /// again, and to compare two addresses is less than to hash a long text.
    last: Option<(Arc<str>, Arc<CString>)>,
}

impl Kept {
    /// The name of a statement.
    pub(super) fn get(&mut self, sql: &Arc<str>) -> Option<Arc<CString>> {
        match &self.last {
            Some((last, name)) if Arc::ptr_eq(last, sql) => Some(Arc::clone(name)),
            _ => {
                let (sql, name) = self.names.get_key_value(sql)?;
                self.last = Some((Arc::clone(sql), Arc::clone(name)));
                Some(Arc::clone(name))
            }
        }
    }

    /// Remembers the name of a statement.
    pub(super) fn insert(&mut self, sql: &Arc<str>, name: CString) -> Arc<CString> {
        self.last = None;
        let name = Arc::new(name);
        self.names.insert(Arc::clone(sql), Arc::clone(&name));
        name
    }

    /// Forgets a name, unless the statement has got another one since.
    pub(super) fn forget(&mut self, name: &Arc<CString>) {
        self.last = None;
        self.names.retain(|_, kept| kept != name);
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

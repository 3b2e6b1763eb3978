//! Which folders of code are in use by invocations, so that none is removed under a running one.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The folders in use, with how many invocations use each.
#[derive(Default)]
pub(super) struct CodeUse(Mutex<HashMap<PathBuf, usize>>);

/// The use of a folder by one invocation.
pub(super) struct CodeUser {
    all: Arc<CodeUse>,
    folder: PathBuf,
}

impl CodeUse {
    pub(super) fn begin(self: &Arc<Self>, folder: &Path) -> CodeUser {
        *self.users().entry(folder.to_owned()).or_default() += 1;
        CodeUser {
            all: self.clone(),
            folder: folder.to_owned(),
        }
    }

    pub(super) fn folders(&self) -> HashSet<PathBuf> {
        self.users().keys().cloned().collect()
    }

    fn users(&self) -> MutexGuard<'_, HashMap<PathBuf, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CodeUser {
    fn drop(&mut self) {
        let mut users = self.all.users();
        if let Some(count) = users.get_mut(&self.folder) {
            *count -= 1;
            if *count == 0 {
                users.remove(&self.folder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_in_use_until_its_last_user_ends() {
        let all = Arc::new(CodeUse::default());
        let first = all.begin(Path::new("/a"));
        let second = all.begin(Path::new("/a"));
        drop(first);
        assert_eq!(all.folders(), HashSet::from([PathBuf::from("/a")]));
        drop(second);
        assert!(all.folders().is_empty());
    }
}

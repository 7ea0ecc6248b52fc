//! As whom a container runs what it starts.
//!
//! What engines make of `User` in the config: runc's `libcontainer/user` (`GetExecUser`), which moby and containerd
//! follow: names are looked up in the image's own `/etc/passwd` and `/etc/group`, numbers need not stand there.

use super::super::layer::{Content, Permissions};
use super::super::tree::Tree;

/// A user and the groups that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    uid: u32,
    /// Its own group, and those that list it.
    groups: Vec<u32>,
}

impl Identity {
    /// Who `user` is: `NAME|UID[:GROUP|GID]`, root where it is empty.
    ///
    /// None where what is needed for that was not kept: a list that is a link to something else.
    ///
    /// # Errors
    /// A sentence, where a name is not in the image: engines do not start it.
    pub(super) fn of(tree: &Tree, user: &str) -> Result<Option<Identity>, String> {
        let (user, group) = user.split_once(':').map_or((user, ""), |(user, group)| (user, group));
        let (Some(passwd), Some(all)) = (lines(tree, b"etc/passwd"), lines(tree, b"etc/group")) else {
            return Ok(None);
        };
        let entry = passwd.iter().find(|entry| {
            let is_number = !user.is_empty() && entry.get(2).is_some_and(|uid| uid == user);
            entry[0] == user || is_number || (user.is_empty() && entry.get(2).is_some_and(|uid| uid == "0"))
        });
        let number = |entry: &[String], at: usize| entry.get(at).and_then(|text| text.parse::<u32>().ok());
        let uid = match entry.and_then(|entry| number(entry, 2)) {
            Some(uid) => uid,
            None if user.is_empty() => 0,
            None => user.parse().map_err(|_| format!("its user {user} is not in /etc/passwd"))?,
        };
        let groups = match group {
            "" => {
                let own = entry.and_then(|entry| number(entry, 3)).unwrap_or(0);
                let name = entry.map(|entry| entry[0].as_str());
                let lists = |entry: &&Vec<String>| {
                    let members = entry.get(3).map(String::as_str).unwrap_or_default();
                    name.is_some_and(|name| members.split(',').any(|member| member == name))
                };
                let further = all.iter().filter(lists).filter_map(|entry| number(entry, 2));
                std::iter::once(own).chain(further).collect()
            }
            group => {
                let named = all.iter().find(|entry| entry[0] == group).and_then(|entry| number(entry, 2));
                let number = named.or_else(|| group.parse().ok());
                vec![number.ok_or_else(|| format!("its group {group} is not in /etc/group"))?]
            }
        };
        Ok(Some(Identity { uid, groups }))
    }

    /// Whether it may execute a file (POSIX.1-2017, 4.5 *File Access Permissions*).
    pub(super) fn may_execute(&self, permissions: Permissions) -> bool {
        match self.uid {
            0 => permissions.mode & 0o111 != 0,
            _ => self.has(permissions, 0o1),
        }
    }

    /// Whether it may read a file.
    pub(super) fn may_read(&self, permissions: Permissions) -> bool {
        self.uid == 0 || self.has(permissions, 0o4)
    }

    fn has(&self, permissions: Permissions, bit: u16) -> bool {
        let bits = match () {
            () if self.uid == permissions.uid => permissions.mode >> 6,
            () if self.groups.contains(&permissions.gid) => permissions.mode >> 3,
            () => permissions.mode,
        };
        bits & bit != 0
    }
}

/// The lines of a file, in fields with colons between them; each has one at least. None where the file was not kept.
fn lines(tree: &Tree, path: &[u8]) -> Option<Vec<Vec<String>>> {
    let Ok((_, file, _)) = tree.file(path) else { return Some(Vec::new()) };
    let Content::Setting(text) = &file.content else { return None };
    let text = String::from_utf8_lossy(text);
    Some(text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect())
}

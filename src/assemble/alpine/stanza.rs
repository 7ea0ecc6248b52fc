//! What the official images' library file of Alpine says of a release, in bashbrew's fields.

use super::{Architecture, Release};

/// The order in which Alpine's maintainers list the architectures there.
const ORDER: [&str; 9] =
    ["arm64v8", "arm32v6", "arm32v7", "loong64", "ppc64le", "riscv64", "s390x", "i386", "amd64"];
/// Who that is, and from where it is built, as the file has had it since 2019.
const MAINTAINERS: &str = "Natanael Copa <ncopa@alpinelinux.org> (@ncopa)";
const GIT_REPO: &str = "https://github.com/alpinelinux/docker-alpine.git";

/// What a release does not tell of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// `Maintainers`; Alpine's own where none are given.
    pub maintainers: Option<String>,
    /// `GitRepo`; Alpine's own where none is given.
    pub git_repo: Option<String>,
    /// `GitCommit`, which has the roots. Where it is not known, a comment stands for it.
    pub git_commit: Option<String>,
    /// Whether it is the newest release, which has the tags of its major version and `latest` as well.
    pub is_latest: bool,
}

/// The header and the entry of a release.
pub fn stanza(release: &Release, header: &Header) -> String {
    let text = |given: &Option<String>, own: &str| given.clone().unwrap_or_else(|| own.to_owned());
    let mut architectures: Vec<&Architecture> = release.architectures.iter().collect();
    let order = |one: &&Architecture| ORDER.iter().position(|name| *name == one.official);
    architectures.sort_by_key(order);
    let names: Vec<&str> = architectures.iter().map(|one| one.official).collect();
    let branch = branch(&release.version);
    let commit = match &header.git_commit {
        Some(commit) => format!("GitCommit: {commit}"),
        None => "# GitCommit: the commit that has these roots".to_owned(),
    };
    let folders: String =
        architectures.iter().map(|one| format!("{}-Directory: {}/\n", one.official, one.name)).collect();
    format!(
        "Maintainers: {}\nGitRepo: {}\n\nTags: {}\nArchitectures: {}\nGitFetch: refs/heads/v{branch}\n{commit}\n{folders}",
        text(&header.maintainers, MAINTAINERS),
        text(&header.git_repo, GIT_REPO),
        tags(&release.version, header.is_latest).join(", "),
        names.join(", "),
    )
}

/// `3.20` of `3.20.3`.
fn branch(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// `3.20.3`, `3.20`, and `3`, `latest` of the newest release. A candidate has its own tag alone.
fn tags(version: &str, is_latest: bool) -> Vec<String> {
    let mut tags = vec![version.to_owned()];
    if version.contains("_") {
        return tags;
    }
    tags.push(branch(version));
    if is_latest {
        tags.extend(version.split('.').next().map(str::to_owned));
        tags.push("latest".to_owned());
    }
    tags.dedup();
    tags
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::assemble::Recipe;
    use crate::assemble::alpine::ARCHITECTURES;

    #[test]
    fn a_release_is_told_as_alpines_own_file_tells_it() {
        let recipe = Recipe {
            name: String::new(),
            references: Vec::new(),
            annotations: BTreeMap::new(),
            parts: Vec::new(),
            expect: None,
        };
        let architectures = ARCHITECTURES.into_iter().filter(|one| one.name != "loongarch64").collect();
        let release = Release { recipe, version: "3.20.3".into(), architectures, notes: Vec::new() };
        let header = Header {
            git_commit: Some("7d63673353bd39d92ba42f6effcc199aeebd45ee".into()),
            is_latest: true,
            ..Header::default()
        };
        // As docker-library/official-images had it in September 2024.
        let expected = "\
Maintainers: Natanael Copa <ncopa@alpinelinux.org> (@ncopa)
GitRepo: https://github.com/alpinelinux/docker-alpine.git

Tags: 3.20.3, 3.20, 3, latest
Architectures: arm64v8, arm32v6, arm32v7, ppc64le, riscv64, s390x, i386, amd64
GitFetch: refs/heads/v3.20
GitCommit: 7d63673353bd39d92ba42f6effcc199aeebd45ee
arm64v8-Directory: aarch64/
arm32v6-Directory: armhf/
arm32v7-Directory: armv7/
ppc64le-Directory: ppc64le/
riscv64-Directory: riscv64/
s390x-Directory: s390x/
i386-Directory: x86/
amd64-Directory: x86_64/
";
        assert_eq!(stanza(&release, &header), expected);
    }
}

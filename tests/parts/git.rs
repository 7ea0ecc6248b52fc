//! Repositories, made and served by the real `git`, with nothing of the tester's own settings.

use std::cell::Cell;
use std::ffi::OsStr;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// `git` in `folder`: no configuration but what is given here, and the same author always.
pub(crate) fn git_command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder);
    for name in
        ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_CEILING_DIRECTORIES"]
    {
        command.env_remove(name);
    }
    let settings = [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "A Maintainer"),
        ("GIT_AUTHOR_EMAIL", "maintainer@example.org"),
        ("GIT_COMMITTER_NAME", "A Maintainer"),
        ("GIT_COMMITTER_EMAIL", "maintainer@example.org"),
        ("LC_ALL", "C"),
    ];
    command.envs(settings);
    // No repacking of its own accord, which would move what a test has in mind.
    command.args(["-c", "init.defaultBranch=master", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
    command
}

/// Runs `git` to its end and gives what it printed, without the last line's end.
pub(crate) fn git_in<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> String {
    git_with_input(folder, arguments, b"")
}

pub(crate) fn git_with_input<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], input: &[u8]) -> String {
    let printed = super::run("git", git_command(folder).args(arguments), input);
    String::from_utf8(printed).unwrap().trim_end().to_owned()
}

/// A repository with a work tree. Its commits are a minute apart, unless they are said to be otherwise.
pub(crate) struct GitRepository {
    folder: PathBuf,
    clock: Cell<i64>,
}

/// When the first commit is made: 2016-07-01T00:00:00Z.
pub(crate) const FIRST: i64 = 1_467_331_200;

impl GitRepository {
    /// An empty one in a new folder.
    pub(crate) fn new(folder: PathBuf) -> GitRepository {
        GitRepository::with(folder, &[])
    }

    pub(crate) fn with(folder: PathBuf, arguments: &[&str]) -> GitRepository {
        std::fs::create_dir_all(&folder).unwrap();
        git_in(&folder, &[&["init", "--quiet"], arguments].concat());
        GitRepository { folder, clock: Cell::new(FIRST) }
    }

    /// One that is there already, for instance a clone.
    pub(crate) fn at(folder: PathBuf) -> GitRepository {
        let clock = git_in(&folder, &["log", "-1", "--format=%ct"]).parse::<i64>().unwrap();
        GitRepository { folder, clock: Cell::new(clock + 60) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its folder, as an argument.
    pub(crate) fn name(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git_in(&self.folder, arguments)
    }

    /// Writes a file of the work tree.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &GitRepository {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Takes a file or folder away.
    pub(crate) fn remove(&self, path: &str) -> &GitRepository {
        self.git(&["rm", "-r", "--quiet", path]);
        self
    }

    /// Commits the whole work tree, and gives the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        let at = self.clock.get();
        self.clock.set(at + 60);
        self.commit_at(&format!("@{at} +0000"), message)
    }

    /// Commits with that committer's date. The author's is another: it must not matter.
    pub(crate) fn commit_at(&self, date: &str, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.commit_index(date, message)
    }

    fn commit_index(&self, date: &str, message: &str) -> String {
        let mut commit = git_command(&self.folder);
        commit.env("GIT_COMMITTER_DATE", date).env("GIT_AUTHOR_DATE", "@1000000000 +0000");
        commit.args(["commit", "--quiet", "--allow-empty", "--file=-", "--cleanup=verbatim"]);
        super::run("git", &mut commit, message.as_bytes());
        self.head()
    }

    /// Merges a branch with a commit of its own, whatever both sides say: the work tree's files as they are here.
    pub(crate) fn merge(&self, branch: &str) -> String {
        let at = self.clock.get();
        self.clock.set(at + 60);
        let date = format!("@{at} +0000");
        let mut merge = git_command(&self.folder);
        merge.env("GIT_COMMITTER_DATE", &date).env("GIT_AUTHOR_DATE", "@1000000000 +0000");
        merge.args(["merge", "--quiet", "--no-ff", "-m", "a merge", branch]);
        super::run("git", &mut merge, b"");
        self.head()
    }

    /// Commits with a committer's date that git itself would not take.
    pub(crate) fn commit_text(&self, committer_date: &str) -> String {
        self.commit_by_hand(&format!("parent {}\n", self.head()), committer_date)
    }

    /// The same for the very first commit.
    pub(crate) fn first_commit_text(&self, committer_date: &str) -> String {
        self.commit_by_hand("", committer_date)
    }

    fn commit_by_hand(&self, parents: &str, committer_date: &str) -> String {
        self.git(&["add", "--all"]);
        let tree = self.git(&["write-tree"]);
        let text = format!(
            "tree {tree}\n{parents}author A <a@example.org> 1 +0000\n\
             committer A <a@example.org> {committer_date} +0000\n\nwritten by hand\n"
        );
        let write = ["hash-object", "-t", "commit", "-w", "--literally", "--stdin"];
        let id = git_with_input(&self.folder, &write, text.as_bytes());
        self.git(&["update-ref", "refs/heads/master", &id]);
        id
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// A bundle of what `revisions` name, made with the options among them.
    pub(crate) fn bundle(&self, name: &str, revisions: &[&str]) -> String {
        let path = self.folder.with_file_name(name).display().to_string();
        let (options, revisions): (Vec<&str>, Vec<&str>) =
            revisions.iter().partition(|word| word.starts_with("--"));
        self.git(&[&["bundle", "create", "--quiet"][..], &options, &[&path], &revisions].concat());
        path
    }

    /// A clone beside it, bare or not.
    pub(crate) fn clone_to(&self, name: &str, arguments: &[&str]) -> GitRepository {
        let to = self.folder.with_file_name(name);
        let from = format!("file://{}", self.name());
        let parent = self.folder.parent().unwrap();
        git_in(parent, &[&["clone", "--quiet"], arguments, &[from.as_str(), to.to_str().unwrap()]].concat());
        GitRepository::at(to)
    }
}

/// A library file. Each entry is its tags and its architectures, as the official images write them.
pub(crate) fn library(entries: &[(&str, &str)]) -> String {
    let mut text = "Maintainers: A Maintainer <maintainer@example.org> (@maintainer)\n\
                    GitRepo: https://example.org/image.git\n\
                    GitCommit: 0123456789abcdef0123456789abcdef01234567\n"
        .to_owned();
    for (tags, architectures) in entries {
        text += &format!("\nTags: {tags}\nArchitectures: {architectures}\n");
    }
    text
}

/// `git daemon`, which serves every repository below a folder over git's own protocol.
pub(crate) struct GitDaemon {
    child: Child,
    host: String,
}

impl GitDaemon {
    pub(crate) fn serve(folder: &Path) -> GitDaemon {
        // Another program may take the port between its being free and the daemon's having it.
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut command = git_command(folder);
            let base = format!("--base-path={}", folder.display());
            let port = format!("--port={}", free.port());
            command.args(["daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1", &base, &port]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = super::started("git", command.spawn());
            for _ in 0..1000 {
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                if TcpStream::connect(free).is_ok() {
                    return GitDaemon { child, host: free.to_string() };
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("git daemon found no port");
    }

    pub(crate) fn address(&self, repository: &str) -> String {
        format!("git://{}/{repository}", self.host)
    }
}

impl Drop for GitDaemon {
    fn drop(&mut self) {
        // `git daemon` is a child of `git`: both have to go.
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        for process in std::fs::read_to_string(children).unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill").arg(process).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `git` where it may fail.
pub(crate) fn git_output(folder: &Path, arguments: &[&str]) -> Output {
    super::output("git", git_command(folder).args(arguments), b"")
}

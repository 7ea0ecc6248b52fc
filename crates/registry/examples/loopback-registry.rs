//! A registry in memory on a loopback port, to try workson and load generators on.
//!
//! ```text
//! cargo run -p workson-registry --features testing --example loopback-registry -- \
//!     [--listen 127.0.0.1:PORT] [--images N] [--write-list FILE] [--token] [--tour]
//! ```
//!
//! It says `listening on 127.0.0.1:PORT` when it is ready, and runs until it is ended by a signal.

use std::error::Error;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use workson_registry::testing::{Auth, MemoryRegistry, TokenAuth};

struct Options {
    listen: SocketAddr,
    images: usize,
    write_list: Option<String>,
    token: bool,
    tour: bool,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        images: 0,
        write_list: None,
        token: false,
        tour: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--listen" => options.listen = value()?.parse()?,
            "--images" => options.images = value()?.parse()?,
            "--write-list" => options.write_list = Some(value()?),
            "--token" => options.token = true,
            "--tour" => options.tour = true,
            _ => return Err(format!("unknown argument {argument}").into()),
        }
    }
    Ok(options)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let registry = MemoryRegistry::start_on(options.listen).await?;
    registry.record(false);
    let mut references = registry.put_bench_images(options.images);
    if options.tour {
        references.extend(registry.put_tour());
    }
    if options.token {
        let auth =
            TokenAuth { service: "loopback".to_owned(), expires_in: Some(300), ..TokenAuth::default() };
        registry.require(Auth::Token(auth));
    }
    let host = registry.host();
    if let Some(file) = options.write_list {
        let lines: String = references.iter().map(|reference| format!("{host}/{reference}\n")).collect();
        std::fs::write(file, lines)?;
    }
    writeln!(std::io::stdout(), "listening on {host}")?;
    std::future::pending().await
}

//! `files BIND ROOT`: the engine without Ruby, which serves the files of a folder, with one engine thread. For
//! benchmarks and callgrind. BIND is `ADDRESS:PORT`, or a port of the loopback address; ROOT is an absolute path.

use proxy_engine::configuration::{BindConfig, Directive, Setting, StaticFilesConfig};
use proxy_engine::{Config, Server};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(bind), Some(root)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: files BIND ROOT");
        std::process::exit(64);
    };
    let bind = if bind.contains(':') { bind } else { format!("127.0.0.1:{bind}") };
    let config = Config {
        binds: vec![BindConfig { url: format!("http://{bind}"), ..BindConfig::default() }],
        threads: Some(Setting::of(1)),
        routes: vec![Directive::StaticFiles(StaticFilesConfig { root: Some(root), ..StaticFilesConfig::default() })],
        ..Config::default()
    };
    match Server::start(config) {
        Ok(server) => {
            println!("{}", server.urls().join(" "));
            server.wait(None);
        }
        Err(error) => {
            eprintln!("{error:?}");
            std::process::exit(1);
        }
    }
}

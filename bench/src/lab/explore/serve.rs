//! Serves the page over HTTP, on loopback only. Requests and replies are independent of the HTTP library.

use super::page::Shown;
use super::{ExploreError, Script, export_html, export_svg, page, play};
use core::convert::Infallible;
use core::future::poll_fn;
use core::pin::Pin;
use core::time::Duration;
use hyper::body::{Body, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// The number of connections that are served at a time. More have to wait.
const AT_A_TIME: usize = 16;
/// The longest time that a request may take before its connection is closed.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest request in bytes. A larger one is refused.
const LARGEST: usize = 1 << 20;

/// The page loads nothing, and sends requests to this server only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method, `GET` or `POST`.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The header `Host`.
    pub host: Option<&'a str>,
    /// The header `Origin`, if present.
    pub origin: Option<&'a str>,
    /// The content.
    pub body: &'a str,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The content's type.
    pub kind: &'static str,
    /// The content.
    pub body: String,
}

impl Reply {
    fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: body.into() }
    }
}

/// The body of a request for a run, or for a run as a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    script: serde_json::Value,
    #[serde(default)]
    upkeep: bool,
    #[serde(default)]
    form: Option<Form>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Html,
    Svg,
}

/// The site of the page: the session that it begins with, and its port.
#[derive(Clone, Debug)]
pub struct Site {
    /// The session.
    pub script: Script,
    /// The port.
    pub port: u16,
}

impl Site {
    /// Answers a request.
    ///
    /// Other pages must not use this one. The header `Host` detects a foreign name that resolves to loopback, and
    /// `Origin` detects a script of another page.
    pub fn answer(&self, asked: &Asked<'_>) -> Reply {
        if !asked.host.is_some_and(|host| self.is_mine(host)) {
            return Reply::text(403, "This page is for http://127.0.0.1 and http://localhost only.\n");
        }
        let mine = |origin: &str| origin.strip_prefix("http://").is_some_and(|host| self.is_mine(host));
        if asked.origin.is_some_and(|origin| !mine(origin)) {
            return Reply::text(403, "Other pages may not send requests to this one.\n");
        }
        let answered = match (asked.method, asked.path) {
            ("GET", "/") => self.page(),
            ("POST", "/run") => run(asked.body),
            _ => return Reply::text(404, "There is no such page: open /.\n"),
        };
        answered.unwrap_or_else(|error| Reply::text(400, format!("{error}\n")))
    }

    fn is_mine(&self, host: &str) -> bool {
        let port = self.port;
        ["127.0.0.1", "localhost"].iter().any(|name| *host == format!("{name}:{port}"))
    }

    fn page(&self) -> Result<Reply, ExploreError> {
        let body = page(&self.script, &play(&self.script)?)?;
        Ok(Reply { status: 200, kind: "text/html; charset=utf-8", body })
    }
}

/// Makes the requested run.
fn run(body: &str) -> Result<Reply, ExploreError> {
    let Wanted { script, upkeep, form } = serde_json::from_str(body)?;
    let script = Script::read(&script.to_string())?;
    let run = play(&script)?;
    let (kind, body) = match form {
        None => ("application/json", serde_json::to_string(&Shown::new(&script, &run, upkeep)?)?),
        Some(Form::Html) => ("text/html; charset=utf-8", export_html(&script, &run, upkeep)?),
        Some(Form::Svg) => ("image/svg+xml", export_svg(&run, upkeep)),
    };
    Ok(Reply { status: 200, kind, body })
}

/// Serves the page on loopback until the program is told to stop. `ready` is told where the page is.
///
/// # Errors
/// [`ExploreError::Listen`] if the port is taken.
pub fn serve(script: Script, port: u16, ready: impl FnOnce(SocketAddr)) -> Result<(), ExploreError> {
    let listens = |source| ExploreError::Listen { port, source };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(listens)?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(listens)?;
        let local = listener.local_addr().map_err(listens)?;
        ready(local);
        tokio::select! {
            () = accept(listener, Arc::new(Site { script, port: local.port() })) => Ok(()),
            stopped = tokio::signal::ctrl_c() => stopped.map_err(listens),
        }
    })
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Most likely the process has too many open files.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let site = Arc::clone(&site);
                async move { Ok::<_, Infallible>(respond(request, site).await) }
            });
            let served =
                http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
            // A client that sends no request, or does not read the reply, is disconnected.
            drop(timeout(PATIENCE, served).await);
            drop(place);
        });
    }
}

async fn respond(request: Request<Incoming>, site: Arc<Site>) -> Response<String> {
    let (parts, body) = request.into_parts();
    let reply = match read(body).await {
        None => Reply::text(413, "The request is too large or incomplete.\n"),
        // Each run has its own thread, so that a long run delays no other, and a panic in a node ends only this run.
        Some(body) => {
            let made = tokio::task::spawn_blocking(move || {
                let header = |name| parts.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
                site.answer(&Asked {
                    method: parts.method.as_str(),
                    path: parts.uri.path(),
                    host: header(HOST),
                    origin: header(ORIGIN),
                    body: &body,
                })
            });
            let bug = "A node panicked in this run. This is a bug: save the session and report it.\n";
            made.await.unwrap_or_else(|_| Reply::text(500, bug))
        }
    };
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// Reads the content of a request; none if it is not text, too large or incomplete.
async fn read(mut body: Incoming) -> Option<String> {
    let mut content = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            content.extend_from_slice(&data);
        }
        if content.len() > LARGEST {
            return None;
        }
    }
    String::from_utf8(content).ok()
}

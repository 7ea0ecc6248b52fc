//! [`Client`]: what all requests of a program share.

use std::fmt;
use std::sync::Arc;

use crate::auth::token::Tokens;
use crate::error::Error;
use crate::options::Options;
use crate::transport::Transport;

/// A client of any number of registries. Clones share connections, tokens, quotas and the budget.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    /// Whether what is read is read by somebody who will write to it.
    pub(crate) writes: bool,
}

pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) transport: Transport,
    pub(crate) tokens: Tokens,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.shared.options).finish()
    }
}

impl Client {
    /// A client with `options`. No connection is made, and no certificate store is read, before the first
    /// request needs it.
    ///
    /// # Errors
    /// Where a mirror, a host of [`Options::plain_http`] or an exception of [`Options::reach`] is none, a certificate
    /// can't be read, or public addresses alone are to be reached by a proxy.
    pub fn new(options: Options) -> Result<Client, Error> {
        let options = options.checked()?;
        let transport = Transport::new(&options)?;
        let shared = Shared { options, transport, tokens: Tokens::default() };
        Ok(Client { shared: Arc::new(shared), writes: false })
    }

    /// The same client for reading what it writes: the registries themselves are asked, not their mirrors, with the
    /// rights that writing takes. Where nothing is yet, who may only read is often told that he may not.
    #[must_use]
    pub fn as_writer(&self) -> Client {
        Client { shared: self.shared.clone(), writes: true }
    }

    /// How many requests were sent so far, by all clones, tokens and redirects included.
    pub fn requests_sent(&self) -> u64 {
        self.shared.sent()
    }

    /// The options it was made with.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }
}

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
    /// Where a mirror or a host of [`Options::plain_http`] is none, or a certificate can't be read.
    pub fn new(options: Options) -> Result<Client, Error> {
        let options = options.checked()?;
        let transport = Transport::new(&options)?;
        Ok(Client { shared: Arc::new(Shared { options, transport, tokens: Tokens::default() }) })
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

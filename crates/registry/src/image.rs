//! [`Client::image`]: what an image offers, with as few requests as it takes.

use std::collections::HashMap;

use workson_oci::image::{ImageError, Need, Reading};
use workson_oci::{Content, Digest, Image, Reference};

use crate::client::Client;
use crate::error::{Error, Kind};

/// An image, and the documents that the answer rests on.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What the image offers.
    pub image: Image,
    /// The document that the reference names, exactly as received.
    pub root: Content,
    /// The further documents that were needed: the config of a single image, indexes within the index…
    pub others: Vec<Content>,
}

impl Client {
    /// Finds out what `reference` offers. An index costs one request, a single image one more for its config.
    /// With `check_configs` the config of every platform is fetched as well, and compared with the index.
    ///
    /// # Errors
    /// [`Kind::InvalidImage`] where the document is none that an engine would pull, and all of
    /// [`Client::manifest`]'s.
    pub async fn image(&self, reference: &Reference, check_configs: bool) -> Result<Answer, Error> {
        let root = self.manifest(reference).await?;
        self.image_of(reference, root, check_configs).await
    }

    /// As [`Client::image`], with the document that `reference` names already there.
    ///
    /// # Errors
    /// As [`Client::image`].
    pub async fn image_of(
        &self,
        reference: &Reference,
        root: Content,
        check_configs: bool,
    ) -> Result<Answer, Error> {
        let mut found: HashMap<Digest, Result<Content, String>> = HashMap::new();
        // Every round finds at least one more document, and their number is bounded by `MAX_LOOKED_INTO`.
        loop {
            match Image::read(&root, &found, check_configs).map_err(|error| invalid(reference, &error))? {
                Reading::Complete(image) => {
                    let others = found.into_values().filter_map(Result::ok).collect();
                    return Ok(Answer { image, root, others });
                }
                Reading::Needs(needs) => self.find(reference, needs, &mut found).await?,
            }
        }
    }

    /// Fetches what is needed, at most [`crate::Options::concurrency`] at once.
    async fn find(
        &self,
        reference: &Reference,
        needs: Vec<Need>,
        found: &mut HashMap<Digest, Result<Content, String>>,
    ) -> Result<(), Error> {
        let mut fetches = tokio::task::JoinSet::new();
        for need in needs {
            let (client, reference) = (self.clone(), reference.clone());
            fetches.spawn(async move {
                let outcome = client.fetch(&reference, &need).await;
                (need.digest, outcome)
            });
        }
        while let Some(fetched) = fetches.join_next().await {
            let (digest, outcome) = fetched.map_err(|error| {
                Error::new(
                    Kind::Network,
                    reference.familiar(),
                    format!("a request was not finished: {error}"),
                )
            })?;
            let kept = match outcome {
                Ok(content) => Ok(content),
                // That a part is gone, or is not what it should be, is something to say about the image…
                Err(error) if !error.kind().is_transient() && !is_access(error.kind()) => {
                    Err((self.options().tell)(&error))
                }
                // …that it could not be asked for is not.
                Err(error) => return Err(error),
            };
            found.insert(digest, kept);
        }
        Ok(())
    }

    async fn fetch(&self, reference: &Reference, need: &Need) -> Result<Content, Error> {
        if need.blob {
            return self.small_blob(reference.repository(), need).await;
        }
        let mut content = self.manifest(&reference.with_digest(need.digest.clone())).await?;
        // The descriptor that led here is what an engine goes by.
        content.media_type = need.media_type.clone();
        Ok(content)
    }
}

fn is_access(kind: Kind) -> bool {
    matches!(kind, Kind::Unauthorized | Kind::Denied | Kind::Credentials)
}

fn invalid(reference: &Reference, error: &ImageError) -> Error {
    let told = Error::new(Kind::InvalidImage, reference.familiar(), error.to_string());
    if error.follows_from_bytes() { told.blaming_bytes() } else { told }
}

//! A whole stack: does all of it work on a platform?

use serde::Serialize;

use super::ImageAnswer;

/// One image of a stack, and what was found out about it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackImage {
    /// The line of the text that names it, from 1 on.
    pub line: usize,
    /// The answer; its `supports` are of the platforms that the stack was asked about, in their order.
    #[serde(flatten)]
    pub answer: ImageAnswer,
}

/// The verdict on a platform for the whole stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackVerdict {
    /// Normalised.
    pub platform: String,
    /// `yes` where each image has it, `no` where one lacks it, else `unknown`.
    pub verdict: &'static str,
    /// The references of the images that lack it.
    pub lacking: Vec<String>,
    /// The references of the images of which it could not be told.
    pub unknown: Vec<String>,
}

/// Something in the text that names an image which can't be told from it, or that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackProblem {
    /// The line, from 1 on.
    pub line: usize,
    /// What, a sentence.
    pub what: String,
}

/// The answer for a stack.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackAnswer {
    /// What the text was read as: `list`, `dockerfile` or `compose`.
    pub form: &'static str,
    /// Its images, in the order of the text, each once.
    pub images: Vec<StackImage>,
    /// A verdict for each platform that was asked about.
    pub platforms: Vec<StackVerdict>,
    /// What could not be read. Where there is any, no platform is a `yes`.
    pub problems: Vec<StackProblem>,
}

impl StackAnswer {
    /// Judges images of which each has an answer for each of `platforms`, in their order.
    pub fn judge(
        form: &'static str,
        images: Vec<StackImage>,
        platforms: &[String],
        problems: Vec<StackProblem>,
    ) -> StackAnswer {
        let verdict = |(at, platform): (usize, &String)| {
            let with = |verdict: &str| -> Vec<String> {
                let of = |image: &&StackImage| {
                    image.answer.supports.get(at).is_some_and(|support| support.verdict == verdict)
                };
                images.iter().filter(of).map(|image| image.answer.reference.clone()).collect()
            };
            let (lacking, unknown) = (with("no"), with("unknown"));
            let is_sure = with("yes").len() == images.len() && !images.is_empty() && problems.is_empty();
            let verdict = match () {
                () if !lacking.is_empty() => "no",
                () if is_sure => "yes",
                () => "unknown",
            };
            StackVerdict { platform: platform.clone(), verdict, lacking, unknown }
        };
        let verdicts = platforms.iter().enumerate().map(verdict).collect();
        StackAnswer { form, images, platforms: verdicts, problems }
    }
}

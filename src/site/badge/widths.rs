//! How wide a text is in Verdana at 11 px, which is what a badge is drawn in. Fonts that stand in for it are drawn as
//! wide by `textLength`.

/// The advance widths of the characters from space to tilde, in thousandths of an em, as the font has them.
const WIDTHS: [u16; 95] = [
    352, 394, 459, 818, 635, 1076, 726, 268, 455, 455, 635, 818, 364, 455, 364, 455, // space to /
    635, 635, 635, 635, 635, 635, 635, 635, 635, 635, 455, 455, 818, 818, 818, 545, // 0 to ?
    1000, 684, 685, 698, 771, 633, 575, 775, 752, 421, 455, 693, 556, 843, 748, 787, // @ to O
    603, 787, 695, 684, 616, 732, 684, 989, 685, 615, 685, 455, 455, 455, 818, 635, // P to _
    635, 601, 623, 521, 623, 595, 352, 623, 633, 275, 345, 592, 275, 973, 633, 607, // ` to o
    623, 623, 426, 521, 394, 633, 592, 818, 592, 592, 525, 635, 455, 635, 818, // p to ~
];

/// What other characters are taken for: as wide as the widest letter.
const OTHER: u16 = 1000;

/// The width of a text in pixels, rounded up.
pub(super) fn of(text: &str) -> u32 {
    let one = |c: char| {
        let place = u32::from(c).checked_sub(u32::from(' ')).and_then(|place| usize::try_from(place).ok());
        u32::from(place.and_then(|place| WIDTHS.get(place)).copied().unwrap_or(OTHER))
    };
    (text.chars().map(one).sum::<u32>() * 11).div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        assert_eq!((of(""), of("m"), of("100%"), of("\u{8001}")), (0, 11, 33, 11));
        assert_eq!(of("linux/arm64"), 68);
    }
}

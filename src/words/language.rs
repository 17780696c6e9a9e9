use std::fmt;

/// A language the terminal speaks to a cashier or a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// English.
    En,
    /// Chinese in simplified characters, as in the mainland.
    ZhCn,
    /// Chinese in traditional characters, as in Hong Kong.
    ZhHk,
}

impl Language {
    /// Every language there is a catalogue of texts for.
    pub const ALL: [Self; 3] = [Self::En, Self::ZhCn, Self::ZhHk];

    /// The language's tag (BCP 47), as the configuration and a web page write it.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
            Self::ZhHk => "zh-HK",
        }
    }
}

impl std::str::FromStr for Language {
    type Err = LanguageError;

    /// # Errors
    /// When `text` is not the tag of a language the terminal speaks, letter for letter.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|language| language.tag() == text).ok_or(LanguageError)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl serde::Serialize for Language {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.tag())
    }
}

impl<'de> serde::Deserialize<'de> for Language {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tag = String::deserialize(deserializer)?;
        tag.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is not a language of the terminal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the language is en, zh-CN or zh-HK")]
pub struct LanguageError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_back_as_its_language_and_nothing_near_it_does() {
        for language in Language::ALL {
            assert_eq!(language.tag().parse(), Ok(language));
        }
        for text in ["", "EN", "zh", "zh_CN", "zh-TW"] {
            assert_eq!(text.parse::<Language>(), Err(LanguageError));
        }
    }
}

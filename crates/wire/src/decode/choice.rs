//! Sets of words as enums.

/// A word out of a set.
pub trait Choice: Copy + Default + 'static {
    /// The words in the order in which AWS lists them.
    const SET: &'static [&'static str];

    /// The member of the set with this name.
    fn parse(text: &str) -> Option<Self>;

    /// The word as it stands on the wire.
    fn as_str(self) -> &'static str;
}

/// Declares an enum of words: `Name { Variant = "WORD", ... } listed ["WORD", ...];`
macro_rules! choices {
    ($($name:ident { $first:ident = $first_text:literal, $($variant:ident = $text:literal,)* }
       listed [$($word:literal),* $(,)?];)*) => {$(
        #[doc = concat!("`", stringify!($name), "`")]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            #[default]
            $first,
            $($variant,)*
        }

        impl $crate::decode::Choice for $name {
            const SET: &'static [&'static str] = &[$($word),*];

            fn parse(text: &str) -> Option<Self> {
                match text {
                    $first_text => Some($name::$first),
                    $($text => Some($name::$variant),)*
                    _ => None,
                }
            }

            fn as_str(self) -> &'static str {
                match self {
                    $name::$first => $first_text,
                    $($name::$variant => $text,)*
                }
            }
        }

        impl $crate::json::WriteJson for $name {
            fn write(&self, out: &mut Vec<u8>) -> Result<(), headwater_model::CorruptItem> {
                $crate::json::write_string(out, $crate::decode::Choice::as_str(*self));
                Ok(())
            }
        }
    )*};
}

pub(crate) use choices;

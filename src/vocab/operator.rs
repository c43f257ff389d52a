//! The operators and functions of the condition language, each defined once.

/// What an operator wants on its right side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Text, a number, a boolean, null or a variable.
    Scalar,
    /// A number, a moment, a time of day, or a variable.
    Ordered,
    /// A list of scalars, or a variable that holds one.
    List,
    /// A list of exactly two ordered values.
    Pair,
    /// Text or a variable.
    Text,
    /// `true`; `false` asks the opposite.
    Flag,
    /// A regular expression as literal text.
    Pattern,
    /// A GeoJSON geometry.
    Geometry,
}

/// Declares the operators: variant, name, what the right side is, whether it is a negative.
macro_rules! operators {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $operand:ident, $negative:literal;)+) => {
        /// A leaf operator of a condition.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operator {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Operator {
            /// Every operator, in the order of the table.
            pub const ALL: &[Operator] = &[$(Operator::$variant,)+];

            /// Returns the name in conditions (`_eq`).
            pub fn name(self) -> &'static str {
                match self { $(Operator::$variant => $name,)+ }
            }

            /// Returns what the right side must be.
            pub fn operand(self) -> Operand {
                match self { $(Operator::$variant => Operand::$operand,)+ }
            }

            /// Tells whether the operator asks for an absence (`_neq`): a stored null matches none of these.
            pub fn is_negative(self) -> bool {
                match self { $(Operator::$variant => $negative,)+ }
            }
        }
    };
}

operators! {
    /// Equal; null equals nothing, a number equals the text that writes it.
    Eq = "_eq", Scalar, false;
    /// Not equal; null is neither equal nor unequal to a value.
    Neq = "_neq", Scalar, true;
    /// Equal, and null is null.
    Is = "_is", Scalar, false;
    /// Equal, letter case aside.
    Ieq = "_ieq", Text, false;
    /// Not equal, letter case aside.
    Nieq = "_nieq", Text, true;
    /// One of a list.
    In = "_in", List, false;
    /// None of a list; everything, null too, is none of an empty list.
    Nin = "_nin", List, true;
    /// Less, or earlier.
    Lt = "_lt", Ordered, false;
    /// Less or equal.
    Lte = "_lte", Ordered, false;
    /// Greater, or later.
    Gt = "_gt", Ordered, false;
    /// Greater or equal.
    Gte = "_gte", Ordered, false;
    /// Between two values, both included.
    Between = "_between", Pair, false;
    /// Outside two values.
    Nbetween = "_nbetween", Pair, true;
    /// Null.
    Null = "_null", Flag, false;
    /// Not null.
    Nnull = "_nnull", Flag, true;
    /// Null, or text or a list with nothing in it.
    Empty = "_empty", Flag, false;
    /// Neither null nor empty.
    Nempty = "_nempty", Flag, true;
    /// Text that holds the operand, or a list with such an element.
    Contains = "_contains", Text, false;
    /// Text that does not hold the operand, or a list without such an element.
    Ncontains = "_ncontains", Text, true;
    /// `_contains`, letter case aside.
    Icontains = "_icontains", Text, false;
    /// `_ncontains`, letter case aside.
    Nicontains = "_nicontains", Text, true;
    /// Text that starts with the operand.
    StartsWith = "_starts_with", Text, false;
    /// Text that does not start with the operand.
    NstartsWith = "_nstarts_with", Text, true;
    /// `_starts_with`, letter case aside.
    IstartsWith = "_istarts_with", Text, false;
    /// `_nstarts_with`, letter case aside.
    NistartsWith = "_nistarts_with", Text, true;
    /// Text that ends with the operand.
    EndsWith = "_ends_with", Text, false;
    /// Text that does not end with the operand.
    NendsWith = "_nends_with", Text, true;
    /// `_ends_with`, letter case aside.
    IendsWith = "_iends_with", Text, false;
    /// `_nends_with`, letter case aside.
    NiendsWith = "_niends_with", Text, true;
    /// Text that fits a pattern as SQL writes it: `%` is any text, `_` any character; upper and lower case of A to Z are one.
    Like = "_like", Text, false;
    /// Text that does not fit such a pattern.
    Nlike = "_nlike", Text, true;
    /// Text, whatever it says.
    IsText = "_is_text", Flag, false;
    /// A number, or text that writes one.
    IsNumber = "_is_number", Flag, false;
    /// Text in which the regular expression matches somewhere.
    Regex = "_regex", Pattern, false;
    /// The field is among the presets and changes.
    Submitted = "_submitted", Flag, false;
    /// A geometry that shares a point with the operand.
    Intersects = "_intersects", Geometry, false;
    /// A geometry that shares no point with the operand.
    Nintersects = "_nintersects", Geometry, true;
    /// A geometry whose bounding box shares a point with the operand's.
    IntersectsBbox = "_intersects_bbox", Geometry, false;
    /// A geometry whose bounding box shares no point with the operand's.
    NintersectsBbox = "_nintersects_bbox", Geometry, true;
}

impl Operator {
    /// Returns the operator of a name.
    pub fn find(name: &str) -> Option<Operator> {
        Operator::ALL
            .iter()
            .copied()
            .find(|operator| operator.name() == name)
    }

    /// Tells whether it compares a value, so that a related item is compared by its key; the others ask whether there is one, or
    /// for its shape.
    pub fn compares_by_key(self) -> bool {
        match self.operand() {
            Operand::Scalar
            | Operand::Ordered
            | Operand::List
            | Operand::Pair
            | Operand::Text
            | Operand::Pattern => true,
            Operand::Flag | Operand::Geometry => false,
        }
    }

    /// Returns the operator that holds of a value only where this one does not; `None` if there is none.
    pub fn opposite(self) -> Option<Operator> {
        const ORDER: [(Operator, Operator); 2] =
            [(Operator::Lt, Operator::Gte), (Operator::Gt, Operator::Lte)];
        for (one, other) in ORDER {
            if self == one {
                return Some(other);
            }
            if self == other {
                return Some(one);
            }
        }
        let word = self.name().strip_prefix('_')?;
        if self.is_negative() {
            return Operator::find(&format!("_{}", word.strip_prefix('n')?));
        }
        Operator::find(&format!("_n{word}"))
    }
}

/// A function on the left side of a leaf: `year(published_at)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// Calendar year, UTC.
    Year,
    /// Month, 1 to 12.
    Month,
    /// Week of the year with Monday first, 0 to 53.
    Week,
    /// Day of the month, 1 to 31.
    Day,
    /// Day of the week, 0 is Sunday.
    Weekday,
    /// Hour, 0 to 23.
    Hour,
    /// Minute, 0 to 59.
    Minute,
    /// Second, 0 to 59.
    Second,
    /// How many elements a list has; null has no number.
    Count,
    /// The elements of a list as one text, with commas between them; text is itself.
    Joined,
}

impl Function {
    /// Every function.
    pub const ALL: [Function; 10] = [
        Function::Year,
        Function::Month,
        Function::Week,
        Function::Day,
        Function::Weekday,
        Function::Hour,
        Function::Minute,
        Function::Second,
        Function::Count,
        Function::Joined,
    ];

    /// Returns the name in conditions (`year`).
    pub fn name(self) -> &'static str {
        match self {
            Function::Year => "year",
            Function::Month => "month",
            Function::Week => "week",
            Function::Day => "day",
            Function::Weekday => "weekday",
            Function::Hour => "hour",
            Function::Minute => "minute",
            Function::Second => "second",
            Function::Count => "count",
            Function::Joined => "joined",
        }
    }

    /// Returns the function of a name.
    pub fn find(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|function| function.name() == name)
    }
}

/// What a field is declared to hold; the words are those of Directus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldType {
    /// Short text.
    String,
    /// Long text.
    Text,
    /// A list of texts.
    Csv,
    /// A whole number.
    Integer,
    /// A whole number beyond 32 bits.
    BigInteger,
    /// A floating number.
    Float,
    /// A decimal number.
    Decimal,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A day and a time, without a zone (taken as UTC).
    DateTime,
    /// A moment.
    Timestamp,
    /// A UUID.
    Uuid,
    /// Any JSON.
    Json,
    /// A secret that is only ever compared by its owner.
    Hash,
    /// A GeoJSON geometry.
    Geometry,
    /// Stores nothing itself: the other end of a relation.
    Alias,
}

impl FieldType {
    /// Every type.
    pub const ALL: [FieldType; 17] = [
        FieldType::String,
        FieldType::Text,
        FieldType::Csv,
        FieldType::Integer,
        FieldType::BigInteger,
        FieldType::Float,
        FieldType::Decimal,
        FieldType::Boolean,
        FieldType::Date,
        FieldType::Time,
        FieldType::DateTime,
        FieldType::Timestamp,
        FieldType::Uuid,
        FieldType::Json,
        FieldType::Hash,
        FieldType::Geometry,
        FieldType::Alias,
    ];

    /// Returns the name in profiles (`dateTime`).
    pub fn name(self) -> &'static str {
        match self {
            FieldType::String => "string",
            FieldType::Text => "text",
            FieldType::Csv => "csv",
            FieldType::Integer => "integer",
            FieldType::BigInteger => "bigInteger",
            FieldType::Float => "float",
            FieldType::Decimal => "decimal",
            FieldType::Boolean => "boolean",
            FieldType::Date => "date",
            FieldType::Time => "time",
            FieldType::DateTime => "dateTime",
            FieldType::Timestamp => "timestamp",
            FieldType::Uuid => "uuid",
            FieldType::Json => "json",
            FieldType::Hash => "hash",
            FieldType::Geometry => "geometry",
            FieldType::Alias => "alias",
        }
    }

    /// Returns the type of a name.
    pub fn find(name: &str) -> Option<FieldType> {
        FieldType::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

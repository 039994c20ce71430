//! States and countries as the Parameter Builder shortens them to two letters.
//!
//! A text of two letters is taken for a code, whether that exists or not. Otherwise a name decides
//! that the text equals, else the first name of the table that the text *contains*; where there is
//! none, the text is cut. So the order of the tables matters, and it is not quite the alphabet's.

use std::borrow::Cow;

use crate::meta::normalize::keep;

pub fn state(text: Cow<'_, str>) -> Cow<'_, str> {
    code(text, &STATES)
}

pub fn country(text: Cow<'_, str>) -> Cow<'_, str> {
    code(text, &COUNTRIES)
}

const CODE_LETTERS: usize = 2;

/// Empty where no letter is left.
fn code<'a>(text: Cow<'a, str>, table: &[(&str, &'static str)]) -> Cow<'a, str> {
    let mut letters = keep(text, |c| c.is_ascii_lowercase());
    if letters.len() == CODE_LETTERS {
        return letters;
    }
    let equal = table.iter().find(|(name, _)| *name == letters);
    let found = equal.or_else(|| table.iter().find(|(name, _)| letters.contains(name)));
    match found {
        Some((_, code)) => Cow::Borrowed(code),
        None => {
            if letters.len() > CODE_LETTERS {
                letters.to_mut().truncate(CODE_LETTERS);
            }
            letters
        }
    }
}

/// Provinces and territories of Canada, then the states of the USA. The last contains another
/// name, so it counts only where a text equals it.
#[rustfmt::skip]
const STATES: [(&str, &str); 63] = [
    ("ontario", "on"), ("quebec", "qc"), ("britishcolumbia", "bc"), ("alberta", "ab"),
    ("saskatchewan", "sk"), ("manitoba", "mb"), ("novascotia", "ns"), ("newbrunswick", "nb"),
    ("princeedwardisland", "pe"), ("newfoundlandandlabrador", "nl"), ("yukon", "yt"),
    ("northwestterritories", "nt"), ("nunavut", "nu"), ("alabama", "al"), ("alaska", "ak"),
    ("arizona", "az"), ("arkansas", "ar"), ("california", "ca"), ("colorado", "co"),
    ("connecticut", "ct"), ("delaware", "de"), ("florida", "fl"), ("georgia", "ga"),
    ("hawaii", "hi"), ("idaho", "id"), ("illinois", "il"), ("indiana", "in"), ("iowa", "ia"),
    ("kansas", "ks"), ("kentucky", "ky"), ("louisiana", "la"), ("maine", "me"), ("maryland", "md"),
    ("massachusetts", "ma"), ("michigan", "mi"), ("minnesota", "mn"), ("mississippi", "ms"),
    ("missouri", "mo"), ("montana", "mt"), ("nebraska", "ne"), ("nevada", "nv"),
    ("newhampshire", "nh"), ("newjersey", "nj"), ("newmexico", "nm"), ("newyork", "ny"),
    ("northcarolina", "nc"), ("northdakota", "nd"), ("ohio", "oh"), ("oklahoma", "ok"),
    ("oregon", "or"), ("pennsylvania", "pa"), ("rhodeisland", "ri"), ("southcarolina", "sc"),
    ("southdakota", "sd"), ("tennessee", "tn"), ("texas", "tx"), ("utah", "ut"), ("vermont", "vt"),
    ("virginia", "va"), ("washington", "wa"), ("wisconsin", "wi"), ("wyoming", "wy"),
    ("westvirginia", "wv"),
];

/// Countries by English names and a few others. The last thirteen contain a name that comes
/// before them, so they count only where a text equals them.
#[rustfmt::skip]
const COUNTRIES: [(&str, &str); 272] = [
    ("unitedstates", "us"), ("unitedstatesofamerica", "us"), ("usa", "us"), ("ind", "in"),
    ("india", "in"), ("afghanistan", "af"), ("alandislands", "ax"), ("albania", "al"),
    ("algeria", "dz"), ("americansamoa", "as"), ("andorra", "ad"), ("angola", "ao"),
    ("anguilla", "ai"), ("antarctica", "aq"), ("antiguaandbarbuda", "ag"), ("argentina", "ar"),
    ("armenia", "am"), ("aruba", "aw"), ("australia", "au"), ("austria", "at"),
    ("azerbaijan", "az"), ("bahamas", "bs"), ("bahrain", "bh"), ("bangladesh", "bd"),
    ("barbados", "bb"), ("belarus", "by"), ("belgium", "be"), ("belize", "bz"), ("benin", "bj"),
    ("bermuda", "bm"), ("bhutan", "bt"), ("bolivia", "bo"), ("boliviaplurinationalstateof", "bo"),
    ("bonairesinteustatinsandsaba", "bq"), ("bosniaandherzegovina", "ba"), ("botswana", "bw"),
    ("bouvetisland", "bv"), ("brazil", "br"), ("brunei", "bn"), ("bruneidarussalam", "bn"),
    ("bulgaria", "bg"), ("burkinafaso", "bf"), ("burundi", "bi"), ("cambodia", "kh"),
    ("cameroon", "cm"), ("canada", "ca"), ("capeverde", "cv"), ("caymanislands", "ky"),
    ("centralafricanrepublic", "cf"), ("chad", "td"), ("chile", "cl"), ("china", "cn"),
    ("christmasisland", "cx"), ("cocoskeelingislands", "cc"), ("colombia", "co"),
    ("comoros", "km"), ("congo", "cg"), ("cookislands", "ck"), ("costarica", "cr"),
    ("cotedivoire", "ci"), ("ivorycoast", "ci"), ("croatia", "hr"), ("cuba", "cu"),
    ("curacao", "cw"), ("cyprus", "cy"), ("czechrepublic", "cz"), ("denmark", "dk"),
    ("djibouti", "dj"), ("dominica", "dm"), ("ecuador", "ec"), ("egypt", "eg"),
    ("elsalvador", "sv"), ("equatorialguinea", "gq"), ("eritrea", "er"), ("estonia", "ee"),
    ("ethiopia", "et"), ("falklandislandsmalvinas", "fk"), ("faroeislands", "fo"), ("fiji", "fj"),
    ("finland", "fi"), ("france", "fr"), ("frenchguiana", "gf"), ("frenchpolynesia", "pf"),
    ("frenchsouthernterritories", "tf"), ("gabon", "ga"), ("gambia", "gm"), ("georgia", "ge"),
    ("germany", "de"), ("ghana", "gh"), ("gibraltar", "gi"), ("greece", "gr"), ("greenland", "gl"),
    ("grenada", "gd"), ("guadeloupe", "gp"), ("guam", "gu"), ("guatemala", "gt"),
    ("guernsey", "gg"), ("guinea", "gn"), ("guyana", "gy"), ("haiti", "ht"),
    ("heardislandandmcdonaldislands", "hm"), ("holyseevaticancitystate", "va"), ("vatican", "va"),
    ("honduras", "hn"), ("hongkong", "hk"), ("hungary", "hu"), ("iceland", "is"), ("iran", "ir"),
    ("iranislamicrepublicof", "ir"), ("iraq", "iq"), ("ireland", "ie"), ("isleofman", "im"),
    ("israel", "il"), ("italy", "it"), ("jamaica", "jm"), ("japan", "jp"), ("jersey", "je"),
    ("jordan", "jo"), ("kazakhstan", "kz"), ("kenya", "ke"), ("kiribati", "ki"),
    ("koreademocraticpeoplesrepublicof", "kp"), ("northkorea", "kp"), ("korearepublicof", "kr"),
    ("southkorea", "kr"), ("kuwait", "kw"), ("kyrgyzstan", "kg"),
    ("laopeoplesdemocraticrepublic", "la"), ("laos", "la"), ("latvia", "lv"), ("lebanon", "lb"),
    ("lesotho", "ls"), ("liberia", "lr"), ("libya", "ly"), ("liechtenstein", "li"),
    ("lithuania", "lt"), ("luxembourg", "lu"), ("macao", "mo"), ("macedonia", "mk"),
    ("macedoniatheformeryugoslavrepublicof", "mk"), ("madagascar", "mg"), ("malawi", "mw"),
    ("malaysia", "my"), ("maldives", "mv"), ("mali", "ml"), ("malta", "mt"),
    ("marshallislands", "mh"), ("martinique", "mq"), ("mauritania", "mr"), ("mauritius", "mu"),
    ("mayotte", "yt"), ("mexico", "mx"), ("micronesia", "fm"),
    ("micronesiafederatedstatesof", "fm"), ("moldova", "md"), ("moldovarepublicof", "md"),
    ("monaco", "mc"), ("mongolia", "mn"), ("montenegro", "me"), ("montserrat", "ms"),
    ("morocco", "ma"), ("mozambique", "mz"), ("myanmar", "mm"), ("namibia", "na"), ("nauru", "nr"),
    ("nepal", "np"), ("netherlands", "nl"), ("newcaledonia", "nc"), ("newzealand", "nz"),
    ("nicaragua", "ni"), ("niger", "ne"), ("niue", "nu"), ("norfolkisland", "nf"),
    ("northernmarianaislands", "mp"), ("norway", "no"), ("oman", "om"), ("pakistan", "pk"),
    ("palau", "pw"), ("palestine", "ps"), ("palestinestateof", "ps"), ("panama", "pa"),
    ("paraguay", "py"), ("peru", "pe"), ("philippines", "ph"), ("pitcairn", "pn"),
    ("poland", "pl"), ("portugal", "pt"), ("puertorico", "pr"), ("qatar", "qa"), ("reunion", "re"),
    ("russia", "ru"), ("russianfederation", "ru"), ("rwanda", "rw"), ("saintbarthelemy", "bl"),
    ("sainthelenaascensionandtristandacunha", "sh"), ("saintkittsandnevis", "kn"),
    ("saintlucia", "lc"), ("saintmartinfrenchpart", "mf"), ("saintpierreandmiquelon", "pm"),
    ("saintvincentandthegrenadines", "vc"), ("samoa", "ws"), ("sanmarino", "sm"),
    ("saotomeandprincipe", "st"), ("saudiarabia", "sa"), ("senegal", "sn"), ("serbia", "rs"),
    ("seychelles", "sc"), ("sierraleone", "sl"), ("singapore", "sg"),
    ("sintmaartenductchpart", "sx"), ("slovakia", "sk"), ("slovenia", "si"),
    ("solomonislands", "sb"), ("southafrica", "za"), ("southsudan", "ss"), ("spain", "es"),
    ("srilanka", "lk"), ("sudan", "sd"), ("suriname", "sr"), ("svalbardandjanmayen", "sj"),
    ("eswatini", "sz"), ("swaziland", "sz"), ("sweden", "se"), ("switzerland", "ch"),
    ("syria", "sy"), ("syrianarabrepublic", "sy"), ("taiwan", "tw"), ("tajikistan", "tj"),
    ("tanzania", "tz"), ("tanzaniaunitedrepublicof", "tz"), ("thailand", "th"),
    ("easttimor", "tl"), ("timorleste", "tl"), ("togo", "tg"), ("tokelau", "tk"), ("tonga", "to"),
    ("trinidadandtobago", "tt"), ("tunisia", "tn"), ("turkey", "tr"), ("turkmenistan", "tm"),
    ("turksandcaicosislands", "tc"), ("tuvalu", "tv"), ("uganda", "ug"), ("ukraine", "ua"),
    ("unitedarabemirates", "ae"), ("unitedkingdom", "gb"), ("uruguay", "uy"), ("uzbekistan", "uz"),
    ("vanuatu", "vu"), ("venezuela", "ve"), ("venezuelabolivarianrepublicof", "ve"),
    ("vietnam", "vn"), ("virginislandsbritish", "vg"), ("virginislandsus", "vi"),
    ("wallisandfutuna", "wf"), ("westernsahara", "eh"), ("yemen", "ye"), ("zambia", "zm"),
    ("zimbabwe", "zw"),
    ("britishindianoceanterritory", "io"), ("congothedemocraticrepublicofthe", "cd"),
    ("dominicanrepublic", "do"), ("guineabissau", "gw"), ("indonesia", "id"), ("nigeria", "ng"),
    ("papuanewguinea", "pg"), ("romania", "ro"), ("somalia", "so"),
    ("southgeorgiaandthesouthsandwichislands", "gs"), ("taiwanprovinceofchina", "tw"),
    ("unitedstatesminoroutlyingislands", "um"), ("democraticrepublicofthecongo", "cd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_where_it_is_contained_unless_an_earlier_one_is() {
        for (text, expected) in [
            ("newyork", "ny"),
            ("newyorkcity", "ny"),
            ("washington d.c.", "wa"),
            ("westvirginia", "wv"),
            ("state of west virginia", "va"),
            ("districtofcolumbia", "di"),
            ("new south wales", "ne"),
            ("n1y", "ny"),
            ("w", "w"),
            ("東京", ""),
        ] {
            assert_eq!(state(Cow::Borrowed(text)), expected, "{text}");
        }
        for (text, expected) in [
            ("united states", "us"),
            ("u.s.a.", "us"),
            ("uk", "uk"),
            ("nigeria", "ng"),
            ("federal republic of nigeria", "ne"),
            ("indonesia", "id"),
            ("the republic of indonesia", "in"),
            ("deutschland", "de"),
            ("schweiz", "sc"),
        ] {
            assert_eq!(country(Cow::Borrowed(text)), expected, "{text}");
        }
    }

    #[test]
    fn names_are_letters_and_codes_are_two() {
        for (name, code) in STATES.iter().chain(&COUNTRIES) {
            assert!(name.bytes().all(|b| b.is_ascii_lowercase()), "{name}");
            assert_eq!(code.len(), CODE_LETTERS, "{name}");
        }
    }
}

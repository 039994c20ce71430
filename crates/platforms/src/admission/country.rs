//! Countries: ISO 3166-1 alpha-2 codes, their names, and their calling codes.

use std::borrow::Cow;

use super::text::{keep, lower, trim};

/// SHA-256 of `us`, for callers who hash the country themselves.
const HASH_OF_US: &str = "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621";

/// Whether a value of `country`, as it was given, is the United States. `None` if it is no
/// country.
pub fn is_us(text: &str) -> Option<bool> {
    let text = trim(text);
    // Whatever a platform's own libraries put behind the hash.
    let hash = text.split('.').next().unwrap_or_default();
    if matches!(hash.len(), 32 | 64) && hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some(hash.eq_ignore_ascii_case(HASH_OF_US));
    }
    code_of(lower(text)).map(|code| code == "us")
}

/// The calling code of a country (alpha-2, any case), without `+`. `None` for no country and for
/// the few uninhabited ones.
pub fn calling_code(country: &str) -> Option<&'static str> {
    let [a, b] = country.as_bytes() else { return None };
    let country = [a.to_ascii_lowercase(), b.to_ascii_lowercase()];
    let at = CODES.binary_search_by_key(&&country[..], |(code, _)| code.as_bytes()).ok()?;
    Some(CODES[at].1).filter(|code| !code.is_empty())
}

/// The calling code with which the digits of an international number begin. No calling code is the
/// beginning of another.
pub fn calling_code_of(digits: &str) -> Option<&'static str> {
    let codes = CODES.iter().map(|(_, code)| *code).filter(|code| !code.is_empty());
    codes.into_iter().find(|code| digits.starts_with(code))
}

/// The code that a text is once everything but its letters is gone; names do not count. For what
/// is in lower case.
pub fn code_of_letters(text: &str) -> Option<&'static str> {
    let letters = keep(Cow::Borrowed(text), |c| c.is_ascii_lowercase());
    CODES.binary_search_by_key(&letters.as_ref(), |(code, _)| code).ok().map(|at| CODES[at].0)
}

/// The code of a country by its code or English name, in lower case; all but letters is passed over.
pub fn code_of(text: Cow<'_, str>) -> Option<&'static str> {
    let letters = keep(text, |c| c.is_ascii_lowercase());
    let letters = letters.as_ref();
    match letters.len() {
        2 => CODES.binary_search_by_key(&letters, |(code, _)| code).ok().map(|at| CODES[at].0),
        _ => NAMES.binary_search_by_key(&letters, |(name, _)| name).ok().map(|at| NAMES[at].1),
    }
}

/// ISO 3166-1 codes in use, with the calling codes of the ITU's list. Sorted.
#[rustfmt::skip]
const CODES: &[(&str, &str)] = &[
    ("ad", "376"), ("ae", "971"), ("af", "93"), ("ag", "1"), ("ai", "1"), ("al", "355"),
    ("am", "374"), ("ao", "244"), ("aq", ""), ("ar", "54"), ("as", "1"), ("at", "43"),
    ("au", "61"), ("aw", "297"), ("ax", "358"), ("az", "994"), ("ba", "387"), ("bb", "1"),
    ("bd", "880"), ("be", "32"), ("bf", "226"), ("bg", "359"), ("bh", "973"), ("bi", "257"),
    ("bj", "229"), ("bl", "590"), ("bm", "1"), ("bn", "673"), ("bo", "591"), ("bq", "599"),
    ("br", "55"), ("bs", "1"), ("bt", "975"), ("bv", ""), ("bw", "267"), ("by", "375"),
    ("bz", "501"), ("ca", "1"), ("cc", "61"), ("cd", "243"), ("cf", "236"), ("cg", "242"),
    ("ch", "41"), ("ci", "225"), ("ck", "682"), ("cl", "56"), ("cm", "237"), ("cn", "86"),
    ("co", "57"), ("cr", "506"), ("cu", "53"), ("cv", "238"), ("cw", "599"), ("cx", "61"),
    ("cy", "357"), ("cz", "420"), ("de", "49"), ("dj", "253"), ("dk", "45"), ("dm", "1"),
    ("do", "1"), ("dz", "213"), ("ec", "593"), ("ee", "372"), ("eg", "20"), ("eh", "212"),
    ("er", "291"), ("es", "34"), ("et", "251"), ("fi", "358"), ("fj", "679"), ("fk", "500"),
    ("fm", "691"), ("fo", "298"), ("fr", "33"), ("ga", "241"), ("gb", "44"), ("gd", "1"),
    ("ge", "995"), ("gf", "594"), ("gg", "44"), ("gh", "233"), ("gi", "350"), ("gl", "299"),
    ("gm", "220"), ("gn", "224"), ("gp", "590"), ("gq", "240"), ("gr", "30"), ("gs", ""),
    ("gt", "502"), ("gu", "1"), ("gw", "245"), ("gy", "592"), ("hk", "852"), ("hm", ""),
    ("hn", "504"), ("hr", "385"), ("ht", "509"), ("hu", "36"), ("id", "62"), ("ie", "353"),
    ("il", "972"), ("im", "44"), ("in", "91"), ("io", "246"), ("iq", "964"), ("ir", "98"),
    ("is", "354"), ("it", "39"), ("je", "44"), ("jm", "1"), ("jo", "962"), ("jp", "81"),
    ("ke", "254"), ("kg", "996"), ("kh", "855"), ("ki", "686"), ("km", "269"), ("kn", "1"),
    ("kp", "850"), ("kr", "82"), ("kw", "965"), ("ky", "1"), ("kz", "7"), ("la", "856"),
    ("lb", "961"), ("lc", "1"), ("li", "423"), ("lk", "94"), ("lr", "231"), ("ls", "266"),
    ("lt", "370"), ("lu", "352"), ("lv", "371"), ("ly", "218"), ("ma", "212"), ("mc", "377"),
    ("md", "373"), ("me", "382"), ("mf", "590"), ("mg", "261"), ("mh", "692"), ("mk", "389"),
    ("ml", "223"), ("mm", "95"), ("mn", "976"), ("mo", "853"), ("mp", "1"), ("mq", "596"),
    ("mr", "222"), ("ms", "1"), ("mt", "356"), ("mu", "230"), ("mv", "960"), ("mw", "265"),
    ("mx", "52"), ("my", "60"), ("mz", "258"), ("na", "264"), ("nc", "687"), ("ne", "227"),
    ("nf", "672"), ("ng", "234"), ("ni", "505"), ("nl", "31"), ("no", "47"), ("np", "977"),
    ("nr", "674"), ("nu", "683"), ("nz", "64"), ("om", "968"), ("pa", "507"), ("pe", "51"),
    ("pf", "689"), ("pg", "675"), ("ph", "63"), ("pk", "92"), ("pl", "48"), ("pm", "508"),
    ("pn", ""), ("pr", "1"), ("ps", "970"), ("pt", "351"), ("pw", "680"), ("py", "595"),
    ("qa", "974"), ("re", "262"), ("ro", "40"), ("rs", "381"), ("ru", "7"), ("rw", "250"),
    ("sa", "966"), ("sb", "677"), ("sc", "248"), ("sd", "249"), ("se", "46"), ("sg", "65"),
    ("sh", "290"), ("si", "386"), ("sj", "47"), ("sk", "421"), ("sl", "232"), ("sm", "378"),
    ("sn", "221"), ("so", "252"), ("sr", "597"), ("ss", "211"), ("st", "239"), ("sv", "503"),
    ("sx", "1"), ("sy", "963"), ("sz", "268"), ("tc", "1"), ("td", "235"), ("tf", ""),
    ("tg", "228"), ("th", "66"), ("tj", "992"), ("tk", "690"), ("tl", "670"), ("tm", "993"),
    ("tn", "216"), ("to", "676"), ("tr", "90"), ("tt", "1"), ("tv", "688"), ("tw", "886"),
    ("tz", "255"), ("ua", "380"), ("ug", "256"), ("um", ""), ("us", "1"), ("uy", "598"),
    ("uz", "998"), ("va", "39"), ("vc", "1"), ("ve", "58"), ("vg", "1"), ("vi", "1"),
    ("vn", "84"), ("vu", "678"), ("wf", "681"), ("ws", "685"), ("ye", "967"), ("yt", "262"),
    ("za", "27"), ("zm", "260"), ("zw", "263"),
];

/// English names, with short and former ones that people write, and the alpha-3 codes; letters
/// only. Sorted.
#[rustfmt::skip]
const NAMES: &[(&str, &str)] = &[
    ("abw", "aw"), ("afg", "af"), ("afghanistan", "af"), ("ago", "ao"), ("aia", "ai"),
    ("ala", "ax"), ("alandislands", "ax"), ("alb", "al"), ("albania", "al"), ("algeria", "dz"),
    ("americansamoa", "as"), ("and", "ad"), ("andorra", "ad"), ("angola", "ao"),
    ("anguilla", "ai"), ("antarctica", "aq"), ("antiguaandbarbuda", "ag"), ("are", "ae"),
    ("arg", "ar"), ("argentina", "ar"), ("arm", "am"), ("armenia", "am"), ("aruba", "aw"),
    ("asm", "as"), ("ata", "aq"), ("atf", "tf"), ("atg", "ag"), ("aus", "au"),
    ("australia", "au"), ("austria", "at"), ("aut", "at"), ("aze", "az"), ("azerbaijan", "az"),
    ("bahamas", "bs"), ("bahrain", "bh"), ("bangladesh", "bd"), ("barbados", "bb"),
    ("bdi", "bi"), ("bel", "be"), ("belarus", "by"), ("belgium", "be"), ("belize", "bz"),
    ("ben", "bj"), ("benin", "bj"), ("bermuda", "bm"), ("bes", "bq"), ("bfa", "bf"),
    ("bgd", "bd"), ("bgr", "bg"), ("bhr", "bh"), ("bhs", "bs"), ("bhutan", "bt"),
    ("bih", "ba"), ("blm", "bl"), ("blr", "by"), ("blz", "bz"), ("bmu", "bm"), ("bol", "bo"),
    ("bolivia", "bo"), ("boliviaplurinationalstateof", "bo"), ("bonaire", "bq"),
    ("bonairesinteustatiusandsaba", "bq"), ("bosniaandherzegovina", "ba"), ("botswana", "bw"),
    ("bouvetisland", "bv"), ("bra", "br"), ("brazil", "br"), ("brb", "bb"),
    ("britishindianoceanterritory", "io"), ("brn", "bn"), ("brunei", "bn"),
    ("bruneidarussalam", "bn"), ("btn", "bt"), ("bulgaria", "bg"), ("burkinafaso", "bf"),
    ("burma", "mm"), ("burundi", "bi"), ("bvt", "bv"), ("bwa", "bw"), ("caboverde", "cv"),
    ("caf", "cf"), ("cambodia", "kh"), ("cameroon", "cm"), ("can", "ca"), ("canada", "ca"),
    ("capeverde", "cv"), ("caymanislands", "ky"), ("cck", "cc"),
    ("centralafricanrepublic", "cf"), ("chad", "td"), ("che", "ch"), ("chile", "cl"),
    ("china", "cn"), ("chl", "cl"), ("chn", "cn"), ("christmasisland", "cx"), ("civ", "ci"),
    ("cmr", "cm"), ("cocoskeelingislands", "cc"), ("cod", "cd"), ("cog", "cg"), ("cok", "ck"),
    ("col", "co"), ("colombia", "co"), ("com", "km"), ("comoros", "km"),
    ("congothedemocraticrepublicofthe", "cd"), ("cookislands", "ck"), ("costarica", "cr"),
    ("cotedivoire", "ci"), ("cpv", "cv"), ("cri", "cr"), ("croatia", "hr"), ("cub", "cu"),
    ("cuba", "cu"), ("curacao", "cw"), ("cuw", "cw"), ("cxr", "cx"), ("cym", "ky"),
    ("cyp", "cy"), ("cyprus", "cy"), ("cze", "cz"), ("czechia", "cz"), ("czechrepublic", "cz"),
    ("denmark", "dk"), ("deu", "de"), ("dji", "dj"), ("djibouti", "dj"), ("dma", "dm"),
    ("dnk", "dk"), ("dom", "do"), ("dominica", "dm"), ("dominicanrepublic", "do"),
    ("dza", "dz"), ("ecu", "ec"), ("ecuador", "ec"), ("egy", "eg"), ("egypt", "eg"),
    ("elsalvador", "sv"), ("england", "gb"), ("equatorialguinea", "gq"), ("eri", "er"),
    ("eritrea", "er"), ("esh", "eh"), ("esp", "es"), ("est", "ee"), ("estonia", "ee"),
    ("eswatini", "sz"), ("eth", "et"), ("ethiopia", "et"), ("falklandislandsmalvinas", "fk"),
    ("faroeislands", "fo"), ("fiji", "fj"), ("fin", "fi"), ("finland", "fi"), ("fji", "fj"),
    ("flk", "fk"), ("fra", "fr"), ("france", "fr"), ("frenchguiana", "gf"),
    ("frenchpolynesia", "pf"), ("frenchsouthernterritories", "tf"), ("fro", "fo"),
    ("fsm", "fm"), ("gab", "ga"), ("gabon", "ga"), ("gambia", "gm"), ("gbr", "gb"),
    ("geo", "ge"), ("georgia", "ge"), ("germany", "de"), ("ggy", "gg"), ("gha", "gh"),
    ("ghana", "gh"), ("gib", "gi"), ("gibraltar", "gi"), ("gin", "gn"), ("glp", "gp"),
    ("gmb", "gm"), ("gnb", "gw"), ("gnq", "gq"), ("grc", "gr"), ("grd", "gd"),
    ("greatbritain", "gb"), ("greece", "gr"), ("greenland", "gl"), ("grenada", "gd"),
    ("grl", "gl"), ("gtm", "gt"), ("guadeloupe", "gp"), ("guam", "gu"), ("guatemala", "gt"),
    ("guernsey", "gg"), ("guf", "gf"), ("guinea", "gn"), ("guineabissau", "gw"), ("gum", "gu"),
    ("guy", "gy"), ("guyana", "gy"), ("haiti", "ht"), ("heardislandandmcdonaldislands", "hm"),
    ("hkg", "hk"), ("hmd", "hm"), ("hnd", "hn"), ("holland", "nl"),
    ("holyseevaticancitystate", "va"), ("honduras", "hn"), ("hongkong", "hk"), ("hrv", "hr"),
    ("hti", "ht"), ("hun", "hu"), ("hungary", "hu"), ("iceland", "is"), ("idn", "id"),
    ("imn", "im"), ("ind", "in"), ("india", "in"), ("indonesia", "id"), ("iot", "io"),
    ("iran", "ir"), ("iranislamicrepublicof", "ir"), ("iraq", "iq"), ("ireland", "ie"),
    ("irl", "ie"), ("irn", "ir"), ("irq", "iq"), ("isl", "is"), ("isleofman", "im"),
    ("isr", "il"), ("israel", "il"), ("ita", "it"), ("italy", "it"), ("ivorycoast", "ci"),
    ("jam", "jm"), ("jamaica", "jm"), ("japan", "jp"), ("jersey", "je"), ("jey", "je"),
    ("jor", "jo"), ("jordan", "jo"), ("jpn", "jp"), ("kaz", "kz"), ("kazakhstan", "kz"),
    ("ken", "ke"), ("kenya", "ke"), ("kgz", "kg"), ("khm", "kh"), ("kir", "ki"),
    ("kiribati", "ki"), ("kna", "kn"), ("kor", "kr"),
    ("koreademocraticpeoplesrepublicof", "kp"), ("korearepublicof", "kr"), ("kuwait", "kw"),
    ("kwt", "kw"), ("kyrgyzstan", "kg"), ("lao", "la"), ("laopeoplesdemocraticrepublic", "la"),
    ("laos", "la"), ("latvia", "lv"), ("lbn", "lb"), ("lbr", "lr"), ("lby", "ly"),
    ("lca", "lc"), ("lebanon", "lb"), ("lesotho", "ls"), ("liberia", "lr"), ("libya", "ly"),
    ("lie", "li"), ("liechtenstein", "li"), ("lithuania", "lt"), ("lka", "lk"), ("lso", "ls"),
    ("ltu", "lt"), ("lux", "lu"), ("luxembourg", "lu"), ("lva", "lv"), ("mac", "mo"),
    ("macao", "mo"), ("macau", "mo"), ("macedonia", "mk"), ("madagascar", "mg"), ("maf", "mf"),
    ("malawi", "mw"), ("malaysia", "my"), ("maldives", "mv"), ("mali", "ml"), ("malta", "mt"),
    ("mar", "ma"), ("marshallislands", "mh"), ("martinique", "mq"), ("mauritania", "mr"),
    ("mauritius", "mu"), ("mayotte", "yt"), ("mco", "mc"), ("mda", "md"), ("mdg", "mg"),
    ("mdv", "mv"), ("mex", "mx"), ("mexico", "mx"), ("mhl", "mh"), ("micronesia", "fm"),
    ("micronesiafederatedstatesof", "fm"), ("mkd", "mk"), ("mli", "ml"), ("mlt", "mt"),
    ("mmr", "mm"), ("mne", "me"), ("mng", "mn"), ("mnp", "mp"), ("moldova", "md"),
    ("moldovarepublicof", "md"), ("monaco", "mc"), ("mongolia", "mn"), ("montenegro", "me"),
    ("montserrat", "ms"), ("morocco", "ma"), ("moz", "mz"), ("mozambique", "mz"),
    ("mrt", "mr"), ("msr", "ms"), ("mtq", "mq"), ("mus", "mu"), ("mwi", "mw"),
    ("myanmar", "mm"), ("mys", "my"), ("myt", "yt"), ("nam", "na"), ("namibia", "na"),
    ("nauru", "nr"), ("ncl", "nc"), ("nepal", "np"), ("ner", "ne"), ("netherlands", "nl"),
    ("newcaledonia", "nc"), ("newzealand", "nz"), ("nfk", "nf"), ("nga", "ng"), ("nic", "ni"),
    ("nicaragua", "ni"), ("niger", "ne"), ("nigeria", "ng"), ("niu", "nu"), ("niue", "nu"),
    ("nld", "nl"), ("nor", "no"), ("norfolkisland", "nf"), ("northernmarianaislands", "mp"),
    ("northkorea", "kp"), ("northmacedonia", "mk"), ("norway", "no"), ("npl", "np"),
    ("nru", "nr"), ("nzl", "nz"), ("oman", "om"), ("omn", "om"), ("pak", "pk"),
    ("pakistan", "pk"), ("palau", "pw"), ("palestine", "ps"), ("palestinestateof", "ps"),
    ("pan", "pa"), ("panama", "pa"), ("papuanewguinea", "pg"), ("paraguay", "py"),
    ("pcn", "pn"), ("per", "pe"), ("peru", "pe"), ("philippines", "ph"), ("phl", "ph"),
    ("pitcairn", "pn"), ("plw", "pw"), ("png", "pg"), ("pol", "pl"), ("poland", "pl"),
    ("portugal", "pt"), ("pri", "pr"), ("prk", "kp"), ("prt", "pt"), ("pry", "py"),
    ("pse", "ps"), ("puertorico", "pr"), ("pyf", "pf"), ("qat", "qa"), ("qatar", "qa"),
    ("reu", "re"), ("reunion", "re"), ("romania", "ro"), ("rou", "ro"), ("rus", "ru"),
    ("russia", "ru"), ("russianfederation", "ru"), ("rwa", "rw"), ("rwanda", "rw"),
    ("saintbarthelemy", "bl"), ("sainthelena", "sh"),
    ("sainthelenaascensionandtristandacunha", "sh"), ("saintkittsandnevis", "kn"),
    ("saintlucia", "lc"), ("saintmartinfrenchpart", "mf"), ("saintpierreandmiquelon", "pm"),
    ("saintvincentandthegrenadines", "vc"), ("samoa", "ws"), ("sanmarino", "sm"),
    ("saotomeandprincipe", "st"), ("sau", "sa"), ("saudiarabia", "sa"), ("scotland", "gb"),
    ("sdn", "sd"), ("sen", "sn"), ("senegal", "sn"), ("serbia", "rs"), ("seychelles", "sc"),
    ("sgp", "sg"), ("sgs", "gs"), ("shn", "sh"), ("sierraleone", "sl"), ("singapore", "sg"),
    ("sintmaartendutchpart", "sx"), ("sjm", "sj"), ("slb", "sb"), ("sle", "sl"),
    ("slovakia", "sk"), ("slovenia", "si"), ("slv", "sv"), ("smr", "sm"),
    ("solomonislands", "sb"), ("som", "so"), ("somalia", "so"), ("southafrica", "za"),
    ("southgeorgiaandthesouthsandwichislands", "gs"), ("southkorea", "kr"),
    ("southsudan", "ss"), ("spain", "es"), ("spm", "pm"), ("srb", "rs"), ("srilanka", "lk"),
    ("ssd", "ss"), ("stp", "st"), ("sudan", "sd"), ("sur", "sr"), ("suriname", "sr"),
    ("svalbardandjanmayen", "sj"), ("svk", "sk"), ("svn", "si"), ("swaziland", "sz"),
    ("swe", "se"), ("sweden", "se"), ("switzerland", "ch"), ("swz", "sz"), ("sxm", "sx"),
    ("syc", "sc"), ("syr", "sy"), ("syria", "sy"), ("syrianarabrepublic", "sy"),
    ("taiwan", "tw"), ("taiwanprovinceofchina", "tw"), ("tajikistan", "tj"),
    ("tanzania", "tz"), ("tanzaniaunitedrepublicof", "tz"), ("tca", "tc"), ("tcd", "td"),
    ("tgo", "tg"), ("tha", "th"), ("thailand", "th"), ("timorleste", "tl"), ("tjk", "tj"),
    ("tkl", "tk"), ("tkm", "tm"), ("tls", "tl"), ("togo", "tg"), ("tokelau", "tk"),
    ("ton", "to"), ("tonga", "to"), ("trinidadandtobago", "tt"), ("tto", "tt"), ("tun", "tn"),
    ("tunisia", "tn"), ("tur", "tr"), ("turkey", "tr"), ("turkiye", "tr"),
    ("turkmenistan", "tm"), ("turksandcaicosislands", "tc"), ("tuv", "tv"), ("tuvalu", "tv"),
    ("twn", "tw"), ("tza", "tz"), ("uae", "ae"), ("uga", "ug"), ("uganda", "ug"),
    ("ukr", "ua"), ("ukraine", "ua"), ("umi", "um"), ("unitedarabemirates", "ae"),
    ("unitedkingdom", "gb"), ("unitedstates", "us"),
    ("unitedstatesminoroutlyingislands", "um"), ("unitedstatesofamerica", "us"),
    ("uruguay", "uy"), ("ury", "uy"), ("usa", "us"), ("uzb", "uz"), ("uzbekistan", "uz"),
    ("vanuatu", "vu"), ("vat", "va"), ("vatican", "va"), ("vaticancity", "va"), ("vct", "vc"),
    ("ven", "ve"), ("venezuela", "ve"), ("venezuelabolivarianrepublicof", "ve"), ("vgb", "vg"),
    ("vietnam", "vn"), ("vir", "vi"), ("virginislandsbritish", "vg"),
    ("virginislandsus", "vi"), ("vnm", "vn"), ("vut", "vu"), ("wales", "gb"),
    ("wallisandfutuna", "wf"), ("westernsahara", "eh"), ("wlf", "wf"), ("wsm", "ws"),
    ("yem", "ye"), ("yemen", "ye"), ("zaf", "za"), ("zambia", "zm"), ("zimbabwe", "zw"),
    ("zmb", "zm"), ("zwe", "zw"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_refer_to_each_other() {
        assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        for (name, code) in NAMES {
            assert!(CODES.iter().any(|(known, _)| known == code), "{name}");
        }
    }

    #[test]
    fn calling_codes() {
        for (country, code) in [
            ("US", Some("1")),
            ("gb", Some("44")),
            ("DE", Some("49")),
            ("xx", None),
            ("aq", None),
            ("usa", None),
            ("", None),
        ] {
            assert_eq!(calling_code(country), code);
        }
    }

    #[test]
    fn a_number_begins_with_one_calling_code() {
        for (digits, code) in [
            ("448444124653", Some("44")),
            ("16505551212", Some("1")),
            ("966551234567", Some("966")),
            ("0", None),
        ] {
            assert_eq!(calling_code_of(digits), code);
        }
        let codes = || CODES.iter().map(|(_, code)| *code).filter(|code| !code.is_empty());
        for code in codes() {
            assert!(codes().all(|other| other == code || !other.starts_with(code)), "{code}");
        }
    }

    #[test]
    fn the_united_states_are_recognized_hashed_too() {
        for (text, expected) in [
            (" US ", Some(true)),
            ("United States of America", Some(true)),
            (HASH_OF_US, Some(true)),
            (&HASH_OF_US.to_uppercase(), Some(true)),
            (&"0".repeat(64), Some(false)),
            ("de", Some(false)),
            ("nowhere", None),
            ("", None),
        ] {
            assert_eq!(is_us(text), expected, "{text}");
        }
    }
}

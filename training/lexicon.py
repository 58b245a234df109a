"""The words that the demo model knows: some five hundred of them, by their part in a sentence.

Few words on purpose: on two cores a model of this size learns these to a useful error rate, and
twice as many not at all (see MODEL_CARD.md).
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PLACES = _words("""
    office room house home shop store bank school class station airport city town village country
    river lake mountain forest garden farm field market hospital kitchen street road court library
""")
THINGS = _words("""
    door window table chair car train bus boat plane tree flower book paper letter food water
    coffee tea milk bread cheese fruit apple orange dinner lunch breakfast bottle glass cup plate
    knife phone computer screen keyboard machine engine medicine piano guitar ball picture photo
    movie film song
""")
WORK = _words("""
    meeting project report budget team plan question answer problem idea story number software
    network server database code file folder page list line test result error bug release version
    company business product service price cost money dollar tax contract law rule
    design process system data model method
""")
STUDY = _words("""
    lesson history science research study theory experiment health war peace vote election party
    music game match goal score lecture chapter example topic
""")
CREATURES = _words("bird dog cat horse fish cow sheep")
ROLES = _words("""
    teacher student doctor nurse patient customer client police government president minister
    player coach winner manager engineer speaker
""")
NOUNS = PLACES + THINGS + WORK + STUDY + CREATURES + ROLES

VERBS_BASE = _words("""
    have need want like love see know find make take give show tell bring keep hold move open close
    start stop change help use buy sell
""")
VERBS_THIRD = _words("""
    has needs wants likes loves sees knows finds makes takes gives shows tells brings keeps holds
    moves opens closes starts stops changes helps uses buys sells
""")
VERBS_PAST = _words("""
    had needed wanted liked loved saw knew found made took gave showed told brought kept held moved
    opened closed started stopped changed helped used bought sold
""")
VERBS_OF_SPEECH = _words("said think thought believe decided agreed")
ADJECTIVES = _words("""
    good bad new old big small long short high low hot cold warm cool fast slow early late easy hard
    heavy light strong weak rich poor young happy sad angry tired hungry busy free full empty open
    dark bright clean
""")
ADVERBS = _words("""
    now today tomorrow yesterday soon later again always never often sometimes usually here there
""")
PREPOSITIONS = _words("""
    in on at near behind under over between with without before after from to
""")
NAMES = _words("John Mary David Sarah Michael Anna James Emma Robert Linda Peter Julia")
CITIES = _words("London Paris Berlin Rome Madrid Tokyo Chicago Boston")
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _words("""
    January February March April June July August September October November December
""")
NUMBER_WORDS = _words("one two three four five six seven eight nine ten")
NUMBER_FIGURES = tuple(str(n) for n in (*range(11, 31), 40, 50, 60, 70, 80, 90))
COUNTED = _words("""
    people children dollars years months weeks days hours minutes questions numbers results problems
    percent
""")
PRONOUNS = _words("I you he she it we they")
DETERMINERS = _words("the a this that every another some my your our their his her")
MODALS = _words("will can should must could would might did do")
QUESTIONS = _words("why how when where what who which")
LINKS = _words("""
    and but or so because if then than while until since although however instead
""")
QUANTITIES = _words("""
    very too also just only even still yet more most less many much any all both each few several
    enough half whole
""")
COURTESIES = _words("please thank thanks hello goodbye yes no okay well sure sorry welcome")
SOMEBODIES = _words("""
    everyone everybody something nothing anything someone nobody myself yourself
""")
GLUE = _words("is was be are were not of as that first next last finally really tonight morning")
GLUE_EVENING = _words("evening there have want need to for about")

LEXICON: tuple[str, ...] = tuple(
    dict.fromkeys(
        NOUNS
        + VERBS_BASE
        + VERBS_THIRD
        + VERBS_PAST
        + VERBS_OF_SPEECH
        + ADJECTIVES
        + ADVERBS
        + PREPOSITIONS
        + NAMES
        + CITIES
        + DAYS
        + MONTHS
        + NUMBER_WORDS
        + NUMBER_FIGURES
        + COUNTED
        + PRONOUNS
        + DETERMINERS
        + MODALS
        + QUESTIONS
        + LINKS
        + QUANTITIES
        + COURTESIES
        + SOMEBODIES
        + GLUE
        + GLUE_EVENING
    )
)

SOUND_ALIKE = frozenset(_words("knew new know no there their to too two for four"))
"""Words that sound like another word we know: only a sentence around them can tell which it is."""

DISTINCT: tuple[str, ...] = tuple(word for word in LEXICON if word not in SOUND_ALIKE)
"""The words that can be told apart by sound alone; random strings are made of these."""

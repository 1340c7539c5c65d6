"""What the friends of the chat set tell each other: events with their questions, small talk, names and things."""

NAMES = """Abby Bruno Celia Damon Edith Felix Gwen Hector Iris Jasper Kira Leon Maud Nolan Opal Percy Rhea Silas Tilda
Vince Willa Xander Yvonne Zack""".split()

WORDS = {
    "ago": ["yesterday", "last night", "on Sunday", "last Friday", "this morning", "two days ago", "last week",
            "a few days ago", "over the weekend"],
    "soon": ["next month", "next week", "on Saturday", "in a few weeks", "this fall", "tomorrow"],
    "hill": ["Eagle Ridge", "Mount Carver", "the Blue Fells", "Hollow Peak", "the coast path", "Fern Gorge"],
    "saw": ["a family of deer", "a fox with cubs", "an old chapel", "a double rainbow", "wild goats", "a frozen lake"],
    "film": ["Paper Lanterns", "The Ninth Orchard", "Salt and Iron", "Midnight Ferry", "Glass Harbor"],
    "game": ["Starfall Tactics", "Kingdom of Moths", "Harbor Tycoon", "Rune Racer", "Deep Garden"],
    "book": ["The Clockmaker's Garden", "Rivers of Dust", "A Field Guide to Leaving", "The Quiet Engine"],
    "food": ["dumplings", "shakshuka", "peach cobbler", "vegan lasagna", "banana bread", "paella", "pho"],
    "art": ["a mural", "a clay bowl", "a sunset painting", "a linocut", "a stained glass lamp", "a charcoal portrait"],
    "pet": ["a tabby cat", "a corgi", "two hamsters", "a greyhound", "an old turtle"],
    "petname": ["Mochi", "Pretzel", "Juno", "Bean", "Captain", "Tofu"],
    "town": ["Lisbon", "Boulder", "Kyoto", "Galway", "Oaxaca", "Tromso", "Seville", "Halifax"],
    "sport": ["kickboxing", "pilates", "swimming", "climbing", "tennis", "dancing"],
    "band": ["the Velvet Owls", "Nora Quartz", "Tin Can Choir", "the Midnight Bakers"],
    "kin": ["mom", "little brother", "grandpa", "niece", "aunt", "cousin", "daughter"],
    "thing": ["a pendant", "a pair of running shoes", "a record player", "a raincoat", "a telescope", "an old guitar"],
    "firm": ["a design studio", "a bakery", "a law office", "a robotics startup", "the city library", "a clinic"],
    "n": ["three", "four", "five", "six", "seven", "nine", "ten", "twelve"],
    "feel": ["nervous", "proud", "so relieved", "exhausted", "super excited", "kinda sad", "grateful"],
    "why": ["to clear my head", "because my doctor told me to", "to meet new people", "because I was stuck in a rut",
            "to honor my grandma"],
    "cause": ["homeless youth", "the animal shelter", "ocean cleanup", "the children's hospital", "veterans"],
    "hurt": ["my knee", "my wrist", "my back", "my shoulder", "my ankle"],
    "color": ["teal", "mustard yellow", "lilac", "forest green", "coral"],
}

REPLIES = ["Wow!", "No way!", "That's awesome.", "Oh nice, tell me more.", "Love that for you.", "Really?",
           "Oh no, that's rough.", "You always surprise me.", "Haha, classic.", "I'm so happy to hear that."]


def event(turns, *asks, list=None, at=0):
    found = {"turns": [[line] if isinstance(line, str) else line for line in turns], "asks": asks}
    return found | ({"list": list, "at": at} if list else {})


def one(place, *forms):
    return ("one turn", [place], forms)


def when(place, *forms):
    return ("when", [place], forms)


def both(first, second, *forms):
    return ("two turns", [first, second], forms)


EVENTS = [
    event(
        [["A: Guess where I was {ago}? Up on {hill}!", "A: We hiked {hill} {ago}, my legs are toast.",
          "A: So {ago} me and my {kin} finally did {hill}."],
         "B: *", ["A: We came across {saw} up there.", "A: Best part was {saw}, didn't expect that at all."]],
        when(0, "When did {A} hike {hill}?", "When was {A} at {hill}?"),
        one(2, "What did {A} see on the hike at {hill}?", "What did {A} come across at {hill}?"),
        both(0, 2, "What happened on {A}'s hike in {month} {year}?"), list="hikes"),
    event(
        [["A: Watched {film} {ago}.", "A: Have you seen {film}? Put it on {ago}."],
         ["B: Never heard of it, any good?", "B: Ooh what's it about?"],
         ["A: I bawled. It reminded me of my {kin}.", "A: Slow start but the ending got me {feel}."]],
        when(0, "When did {A} watch {film}?"),
        one(2, "How did {A} feel about {film}?", "What did {A} think of {film}?"), list="films"),
    event(
        [["A: I adopted {pet}!!", "A: There's a new member of the family: {pet}."], "B: *",
         ["B: What's the name?", "B: And what do you call it?"], ["A: {petname}, obviously.", "A: It's {petname}."]],
        one(0, "What pet did {A} adopt?", "What kind of pet does {A} have?"),
        one(3, "What is the name of {A}'s pet?", "What did {A} name the new pet?")),
    event(
        [["A: I made {food} {ago}.", "A: Cooked {food} from scratch {ago}."], "B: *",
         ["A: It's my {kin}'s recipe.", "A: Got the recipe from my {kin}.", "A: My {kin} ate {n} portions."]],
        when(0, "When did {A} make {food}?", "When did {A} cook {food}?"),
        one(2, "Whose recipe did {A} use for the {food}?", "Who was involved in {A}'s {food}?"), list="dishes"),
    event(
        [["A: Finished {art} {ago}!", "A: I've been working on {art} and it's finally done."],
         ["B: What inspired it?", "B: Where did the idea come from?"],
         ["A: The colors of {town}, actually.", "A: A dream I had about {saw}.", "A: My {kin}, she asked for it."]],
        one(0, "What did {A} make recently in {month} {year}?", "What art did {A} finish in {month}?"),
        one(2, "What inspired {A}'s {art}?", "What inspired {A} to make {art}?"), list="art"),
    event(
        [["A: I'm starting at {firm} {soon}.", "A: Got the job at {firm}! First day is {soon}."],
         ["B: How do you feel?", "B: That's huge! Ready for it?"],
         ["A: {feel}, to be honest.", "A: I feel {feel}... it's a big change."]],
        when(0, "When does {A} start the new job?", "When does {A} start at {firm}?"),
        one(0, "Where is {A} going to work?", "Where did {A} get a job?"),
        one(2, "How does {A} feel about the new job at {firm}?")),
    event(
        [["A: I lost my job {ago}.", "A: Well... they let me go {ago}."], "B: *",
         ["A: I might open my own thing, always wanted to.", "A: Gonna take a month off and think.",
          "A: Maybe it's the push I needed."]],
        when(0, "When did {A} lose the job?", "When was {A} laid off?"),
        one(2, "What does {A} plan to do after losing the job?")),
    event(
        [["A: We're off to {town} {soon}.", "A: Booked flights to {town}, leaving {soon}."],
         ["B: Lucky!! With who?", "B: Who's coming along?"],
         ["A: My {kin} and {n} friends.", "A: Just me and my {kin} this time."]],
        when(0, "When is {A} travelling to {town}?", "When does {A} go to {town}?"),
        one(2, "Who is {A} going to {town} with?"), both(0, 2, "What are {A}'s plans for {town}?"), list="trips"),
    event(
        [["A: Picked up {sport} {ago}.", "A: First {sport} class {ago}!"],
         ["B: What made you start?", "B: Why {sport}?"], ["A: {why}.", "A: I needed it... {why}."]],
        when(0, "When did {A} start {sport}?"),
        one(2, "Why did {A} start {sport}?", "What motivated {A} to do {sport}?"), list="sports"),
    event(
        [["A: Saw {band} live {ago}!", "A: The {band} concert {ago} was unreal."], "B: *",
         ["A: They played for {n} hours. I was with my {kin}.", "A: My {kin} surprised me with the tickets."]],
        when(0, "When did {A} see {band}?"), one(2, "Who went to the {band} concert with {A}?"), list="concerts"),
    event(
        [["A: Did a charity run for {cause} {ago}.", "A: Volunteered {ago}, it was for {cause}."],
         ["B: How much did you raise?", "B: How was it?"],
         ["A: {n} hundred dollars. I felt {feel}.", "A: Met a lady who reminded me why it matters."]],
        when(0, "When did {A} do something for {cause}?", "When did {A} volunteer for {cause}?"),
        one(0, "What cause did {A} support in {month} {year}?"), list="causes"),
    event(
        [["A: I hurt {hurt} {ago}.", "A: Bad news, {hurt} is messed up since {ago}."],
         ["B: What did the doc say?", "B: Ouch, how long are you out?"],
         ["A: Rest for {n} weeks.", "A: {n} weeks without {sport}, ugh."]],
        when(0, "When did {A} get hurt?", "When did {A} get injured?"),
        one(2, "How long does {A} have to rest?", "What did the doctor tell {A}?")),
    event(
        [["A: My {kin} gave me {thing}.", "A: Look at this, {thing} from my {kin}!"],
         ["B: What's the occasion?", "B: *"],
         ["A: It stands for love and family to me.", "A: She said it's for all the times I showed up.",
          "A: Birthday. I'm {n} times {n} and counting, lol."]],
        one(0, "Who gave {A} {thing}?", "What did {A}'s {kin} give {A}?"),
        one(2, "What does {thing} mean to {A}?", "Why did {A} get {thing}?")),
    event(
        [["A: Currently reading {book}.", "A: Can't put down {book}."],
         ["B: Would you recommend it?", "B: Is it sad?"],
         ["A: Yes, if you like slow stories about families.", "A: It taught me to be patient with myself."]],
        one(0, "What book is {A} reading in {month} {year}?"), one(2, "What did {A} take away from {book}?"),
        list="books"),
    event(
        [["A: Been playing {game} all night.", "A: {game} is eating my evenings."], "B: *",
         ["A: Won my first tournament {ago}, {n} players!", "A: Reached the top {n} {ago}."]],
        when(2, "When did {A} do well at {game}?", "When did {A} win at {game}?"),
        one(0, "What game has {A} been playing in {month}?"), list="games"),
    event(
        [["A: We painted the living room {color}.", "A: New walls: {color}. The whole living room."], "B: *",
         ["A: It took {n} days and my {kin} fell off the ladder.", "A: My {kin} picked it, I wanted white."]],
        one(0, "What color did {A} paint the living room?"),
        one(2, "What happened while {A} painted the room {color}?", "Who chose {color} for {A}'s living room?")),
    event(
        [["B: Did you hear back from the agency?", "B: Any news about the application?"],
         ["A: Yes! I passed the interview {ago}.", "A: They said yes {ago}!! I can't believe it."],
         ["B: You deserve it. What happens now?", "B: *"],
         ["A: A home visit {soon}, then we wait.", "A: Paperwork, then {n} months of waiting."]],
        when(1, "When did {A} pass the interview?", "When did {A} hear from the agency?"),
        one(3, "What happens next with {A}'s application?")),
    event(
        [["B: How's your {kin} doing?", "B: And your {kin}, any better?"],
         ["A: Back home since {ago}.", "A: Out of the hospital {ago}, thank god."],
         ["A: I'm staying over for {n} days to help.", "A: We take turns sleeping there."]],
        when(1, "When did {A}'s {kin} come home?", "When did {A}'s {kin} leave the hospital?"),
        one(2, "How is {A} helping the {kin}?", "How long does {A} stay with the {kin}?")),
]

LISTS = {
    "hikes": "Which places has {A} hiked?", "films": "Which films has {A} watched?", "dishes": "What has {A} cooked?",
    "art": "What kinds of art has {A} made?", "trips": "Where has {A} been planning to travel?",
    "sports": "What sports does {A} do?", "concerts": "Which bands has {A} seen?",
    "causes": "What causes has {A} helped?",
    "books": "What books has {A} read?", "games": "What games does {A} play?",
}

SMALL_TALK = {
    "open": [
        ["Hey {other}! Long time no talk.", "Hey! Yeah it's been a while, how are you?"],
        ["Hi {other}, what's up?", "Not much, just got home. You?"],
        ["Heyy how was your week?", "Busy busy. But good!"],
        ["{other}! Perfect timing, I was thinking of you.", "Aw, what's new?"],
        ["Morning!", "Morning {other}, sleep ok?"],
    ],
    "middle": [
        ["That's so you, {other}.", "Is that a compliment?"],
        ["My {kin} would love that.", "Tell them I said hi."],
        ["I've always wanted to try {sport}.", "Do it! We could go together."],
        ["Did you ever go back to {hill}?", "Not yet, maybe {soon}."],
        ["{film} is on tonight btw.", "Oh I might watch it again."],
        ["I'm craving {food} now.", "Same."],
        ["Do you ever miss {town}?", "All the time."],
        ["How's work?", "Don't ask..."],
        ["Have you heard of {band}?", "My {kin} plays them non-stop."],
        ["You inspire me, you know that?", "Stop, I'm blushing."],
        ["Is {petname} ok?", "Sleeping all day as always."],
        ["What keeps you going?", "Friends like you. And coffee."],
        ["Nice pic! Where was that?", "Near my place, just the park."],
    ],
    "close": [
        ["Gotta run, talk soon!", "Bye {other}!"],
        ["Ok dinner's ready. Take care!", "You too, hugs."],
        ["Thanks for listening.", "Always."],
        ["Let's catch up again soon.", "For sure. Later!"],
    ],
}

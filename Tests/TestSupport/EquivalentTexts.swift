/// Texts that Swift's `==` takes for equal although their bytes differ, for tests of what is stored and matched.
package enum EquivalentTexts {
    /// Groups of canonically equivalent texts: letters with accents, the Ångström, Ohm and Kelvin signs, Hangul, marks
    /// in another order.
    package static let groups: [[String]] = [
        ["\u{E9}", "e\u{301}"], ["\u{C5}", "\u{212B}", "A\u{30A}"], ["\u{3A9}", "\u{2126}"], ["K", "\u{212A}"],
        ["\u{AC00}", "\u{1100}\u{1161}"], ["\u{D55C}", "\u{1112}\u{1161}\u{11AB}"],
        ["q\u{307}\u{323}", "q\u{323}\u{307}"], ["\u{1E69}", "s\u{323}\u{307}", "\u{1E63}\u{307}"], [";", "\u{37E}"],
    ]

    /// Two texts that are equal to Swift and differ in their bytes: random plain letters around at least one group.
    package static func pair(_ random: inout SplitMix) -> (String, String) {
        var (first, second) = ("", "")
        let place = random.below(4)
        for i in 0..<4 {
            if i == place || random.below(3) == 0 {
                let group = groups[random.below(groups.count)]
                let (a, b) = (random.below(group.count), random.below(group.count))
                first += group[a]
                second += group[i == place && a == b ? (a + 1) % group.count : b]
            } else {
                let plain = ["a", "x", "1", " ", "ß", "日"][random.below(6)]
                first += plain
                second += plain
            }
        }
        return (first, second)
    }
}

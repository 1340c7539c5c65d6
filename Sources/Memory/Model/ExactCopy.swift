/// Which texts are the same text: those that differ only in case, white space and final punctuation.
///
/// A question mark is no final punctuation here, because a question does not say what its answer says. White space
/// between two words counts, but not how much of it there is. Letters are compared by their bytes: a composed and a
/// decomposed letter are two.
enum ExactCopy {
    /// The text in lower case, with single spaces, without white space and punctuation at its end.
    static func folded(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        var isAfterSpace = false
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace {
                isAfterSpace = !scalars.isEmpty
                continue
            }
            if isAfterSpace { scalars.append(" ") }
            isAfterSpace = false
            if scalar.isASCII {
                scalars.append(
                    (0x41...0x5A).contains(scalar.value) ? Unicode.Scalar(UInt8(scalar.value | 0x20)) : scalar)
            } else {
                scalars.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return String(scalars[..<endWithoutPunctuation(scalars)])
    }

    /// Where the punctuation begins that ends the text; only punctuation that follows a word ends a sentence ("cd .."
    /// does not).
    private static func endWithoutPunctuation(_ scalars: String.UnicodeScalarView) -> String.UnicodeScalarView.Index {
        var end = scalars.endIndex
        while end > scalars.startIndex, finalMarks.contains(scalars[scalars.index(before: end)]) {
            end = scalars.index(before: end)
        }
        guard end > scalars.startIndex, end < scalars.endIndex else { return scalars.endIndex }
        let last = scalars[scalars.index(before: end)]
        return last.properties.isAlphabetic || last.properties.numericType != nil || closing.contains(last)
            ? end : scalars.endIndex
    }

    private static let finalMarks = Set("….!,;:。！，；：．｡、।۔።։។".unicodeScalars)
    private static let closing = Set(")]\"'’”»%".unicodeScalars)
}

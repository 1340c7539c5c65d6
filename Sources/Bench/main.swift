import Embedding
let m = MiniLM(threads: 1)
let c = ContinuousClock()
var t = try c.measure { _ = try m.embedBlocking(["This is an example sentence"]) }
print("first", t)
let v = try m.embedBlocking(["This is an example sentence"])[0]
print(v.prefix(4), m.identity, MiniLM.instructionSets)
let twenty = "the quick brown fox jumps over the lazy dog and then it sleeps in the sun for hours"
print(try m.tokens(of: twenty).count)
for i in MiniLM.instructionSets.indices {
    let m = MiniLM(threads: 1, instructionSet: i)
    _ = try m.embedBlocking([twenty])
    var best = Duration.seconds(9)
    for _ in 0..<20 { best = min(best, try c.measure { _ = try m.embedBlocking([twenty]) }) }
    let texts = (0..<300).map { twenty + String($0) }
    let n = try texts.reduce(0) { $0 + (try m.tokens(of: $1).count) }
    t = try c.measure { _ = try m.embedBlocking(texts) }
    print(MiniLM.instructionSets[i], best, Double(n) / (t / .seconds(1)), "tokens/s")
}

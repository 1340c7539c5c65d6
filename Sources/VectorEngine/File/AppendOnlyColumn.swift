/// Memory for a fixed number of trivial values. One writer appends values while others read the earlier ones.
///
/// As with `VectorBlock`, a reader only reads below the count that it was given with the column.
final class AppendOnlyColumn<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Element>
    private let capacity: Int
    private var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: max(1, capacity))
    }

    /// A column that is full.
    convenience init(_ elements: [Element]) {
        self.init(capacity: elements.count)
        elements.withUnsafeBufferPointer { elements in
            if let start = elements.baseAddress { base.initialize(from: start, count: elements.count) }
        }
        count = elements.count
    }

    deinit { base.deallocate() }

    func append(_ element: Element) {
        precondition(count < capacity)
        base[count] = element
        count += 1
    }

    subscript(row: Int) -> Element {
        precondition(row >= 0 && row < capacity)
        return base[row]
    }
}

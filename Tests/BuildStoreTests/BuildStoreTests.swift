import Testing

@testable import BuildStore

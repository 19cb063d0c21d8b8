/// libcurl, which everything that is not `file:` is fetched with. It is looked for when something is, and not before.
public enum NetworkLibrary {
    /// The name that the dynamic linker looks for.
    public static let name = "libcurl.so.4"

    /// Why nothing can be fetched over a network; `nil` when it can.
    public static var problem: String? { Downloader.problem }
}

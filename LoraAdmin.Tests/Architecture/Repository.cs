using LoraAdmin.Tests.EndToEnd.Processes;

namespace LoraAdmin.Tests.Architecture;

/// <summary>The texts of this repository, read once.</summary>
internal static class Repository
{
    public static readonly string[] Projects = ["LoraAdmin", "LoraAdmin.Domain", "LoraAdmin.Tests", "bench"];

    private static readonly string[] Kinds =
        [".cs", ".razor", ".css", ".js", ".md", ".json", ".csproj", ".props", ".targets", ".sln", ".sh", ".txt", ".editorconfig", ".gitignore", ".yml", ".yaml"];

    private static readonly Lazy<IReadOnlyList<SourceFile>> Read = new(() => [.. Files()]);

    /// <summary>Every text: source, styles, scripts, documents, settings.</summary>
    public static IReadOnlyList<SourceFile> Texts => Read.Value;

    /// <summary>C# and pages of the four projects, as people wrote them (no migrations: those are generated).</summary>
    public static IReadOnlyList<SourceFile> Source { get; } =
    [
        .. Texts.Where(file => file.Name.EndsWith(".cs", StringComparison.Ordinal) || file.Name.EndsWith(".razor", StringComparison.Ordinal))
            .Where(file => !file.Path.StartsWith("LoraAdmin/Platform/Data/Migrations/", StringComparison.Ordinal)),
    ];

    /// <summary>Source of the two projects that ship.</summary>
    public static IReadOnlyList<SourceFile> Product { get; } = [.. Source.Where(file => file.Parts[0] is "LoraAdmin" or "LoraAdmin.Domain")];

    public static SourceFile Text(string path) =>
        Texts.SingleOrDefault(file => file.Path == path) ?? throw new InvalidOperationException($"The repository has no {path}.");

    public static bool Exists(string path)
    {
        string whole = System.IO.Path.Combine(ProgramRun.Root, path);
        return File.Exists(whole) || Directory.Exists(whole);
    }

    private static IEnumerable<SourceFile> Files()
    {
        IEnumerable<string> root = Directory.EnumerateFiles(ProgramRun.Root);
        IEnumerable<string> below = Projects.Concat(["docs", "wwwroot", ".config", ".ci"])
            .Select(folder => System.IO.Path.Combine(ProgramRun.Root, folder))
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories));
        return root.Concat(below)
            .Select(file => System.IO.Path.GetRelativePath(ProgramRun.Root, file).Replace('\\', '/'))
            .Where(path => !path.Split('/').Any(part => part is "bin" or "obj" or "TestResults" or "node_modules"))
            .Where(path => Kinds.Any(kind => path.EndsWith(kind, StringComparison.Ordinal)) || path == ".ci/run")
            .Order(StringComparer.Ordinal)
            .Select(path => new SourceFile(path, File.ReadAllText(System.IO.Path.Combine(ProgramRun.Root, path))));
    }
}

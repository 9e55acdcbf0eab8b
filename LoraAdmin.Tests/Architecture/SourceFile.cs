namespace LoraAdmin.Tests.Architecture;

/// <summary>A text of the repository, or a sample that a rule has to catch.</summary>
/// <param name="Path">From the repository's root, with slashes.</param>
public sealed record SourceFile(string Path, string Text)
{
    private string? code;

    /// <summary>The text with comments and the contents of literals blanked; every character keeps its place.</summary>
    public string Code => code ??= Path.EndsWith(".cs", StringComparison.Ordinal) ? CSharpCode.Of(Text)
        : Path.EndsWith(".razor", StringComparison.Ordinal) ? RazorCode.Of(Text)
        : Text;

    public string Name => Path[(Path.LastIndexOf('/') + 1)..];

    public string[] Parts => Path.Split('/');

    /// <summary>"path:line", for messages.</summary>
    public string At(int index) => $"{Path}:{Text.AsSpan(0, index).Count('\n') + 1}";
}

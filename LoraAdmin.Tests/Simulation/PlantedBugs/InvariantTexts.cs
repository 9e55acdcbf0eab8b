using System.Text.RegularExpressions;
using LoraAdmin.Tests.Architecture;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace LoraAdmin.Tests.Simulation.PlantedBugs;

/// <summary>One thing that is checked.</summary>
/// <param name="Text">Its message, with … where a run puts its own words.</param>
/// <param name="At">Where it is checked, for messages.</param>
internal sealed record InvariantText(string Text, string At)
{
    /// <summary>Fits every message that this check gives, and no other.</summary>
    public string Pattern => $"^Invariant {string.Join(".*", Text.Split('…').Select(Regex.Escape))}$";
}

/// <summary>
/// Every check of the simulation, read from the source that makes it: one that is added is known here at once, and is not proven until a planted bug
/// violates it.
/// </summary>
internal static class InvariantTexts
{
    public const string Folder = "LoraAdmin.Tests/Simulation/";

    public static IReadOnlyList<InvariantText> All { get; } = [.. Repository.Source.Where(IsAboutInvariants).SelectMany(Of)];

    /// <exception cref="PlantedBugException">Nothing checks this.</exception>
    public static InvariantText Find(string text) =>
        All.SingleOrDefault(one => one.Text == text) ?? throw new PlantedBugException($"No invariant, or more than one, says \"{text}\"");

    private static bool IsAboutInvariants(SourceFile file) =>
        file.Path.StartsWith(Folder, StringComparison.Ordinal) && (file.Name.StartsWith("Invariants", StringComparison.Ordinal) || file.Name == "CrashRun.cs");

    public static IEnumerable<InvariantText> Of(SourceFile file) =>
        from node in CSharpSyntaxTree.ParseText(file.Text).GetRoot().DescendantNodes()
        let arguments = node switch
        {
            InvocationExpressionSyntax { Expression: IdentifierNameSyntax { Identifier.ValueText: "Require" } } call => call.ArgumentList,
            ObjectCreationExpressionSyntax { Type: IdentifierNameSyntax { Identifier.ValueText: nameof(InvariantViolatedException) } } made => made.ArgumentList,
            _ => null,
        }
        where arguments is { Arguments.Count: > 0 }
        let text = TextOf(arguments.Arguments[^1])
        where text is not null
        select new InvariantText(text, file.At(node.SpanStart));

    private static string? TextOf(ArgumentSyntax argument) => argument.DescendantNodes().FirstOrDefault(node => node is InterpolatedStringExpressionSyntax or LiteralExpressionSyntax) switch
    {
        InterpolatedStringExpressionSyntax words => string.Concat(words.Contents.Select(part => part is InterpolatedStringTextSyntax plain ? plain.TextToken.ValueText : "…")),
        LiteralExpressionSyntax { RawKind: (int)SyntaxKind.StringLiteralExpression } literal => literal.Token.ValueText,
        _ => null,
    };
}

using System.Reflection;
using System.Runtime.CompilerServices;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Architecture;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Text;

namespace LoraAdmin.Tests.Simulation.PlantedBugs;

/// <summary>LoraAdmin.Domain, compiled from the repository's sources with a planted bug.</summary>
internal static class PatchedDomain
{
    private const string Project = "LoraAdmin.Domain";

    private static readonly CSharpParseOptions Language = new(LanguageVersion.Latest, DocumentationMode.None);

    private static readonly Lazy<CSharpCompilation> Sound = new(Compilation);

    /// <param name="bug">Null: as it is.</param>
    /// <exception cref="PlantedBugException">The bug does not fit its file, or the patched file does not compile.</exception>
    public static byte[] Compile(PlantedBug? bug)
    {
        CSharpCompilation compilation = bug is null or { File: "" } ? Sound.Value : Patched(Sound.Value, bug);
        using MemoryStream assembly = new();
        EmitResult result = compilation.Emit(assembly);
        ThrowIfAny(bug?.Name ?? "The unpatched source", result.Diagnostics);
        return assembly.ToArray();
    }

    /// <summary>Whether the bug fits and compiles, without making an assembly of it.</summary>
    /// <exception cref="PlantedBugException">It does not fit its file, or the patched file does not compile.</exception>
    public static void Check(PlantedBug bug)
    {
        if (bug.File.Length > 0)
        {
            CSharpCompilation compilation = Patched(Sound.Value, bug);
            SyntaxTree patched = compilation.SyntaxTrees.Single(tree => tree.FilePath == PathOf(bug));
            ThrowIfAny(bug.Name, compilation.GetSemanticModel(patched).GetDiagnostics());
        }
    }

    /// <exception cref="PlantedBugException">A line that is to be patched is not there, or is there more than once.</exception>
    public static string Patch(PlantedBug bug, string text)
    {
        foreach (Edit edit in bug.Edits)
        {
            if (edit.Right.Contains('\n') || edit.Wrong.Contains('\n'))
            {
                throw new PlantedBugException($"\"{bug.Name}\" patches more than a line of {bug.File}: {edit.Right}");
            }

            int count = text.Split(edit.Right).Length - 1;
            if (count != 1)
            {
                throw new PlantedBugException(
                    $"\"{bug.Name}\" looks for a line that {bug.File} has {count} times and must have once: {edit.Right}. Mend the bug's patch in {nameof(PlantedBugTable)}");
            }

            text = text.Replace(edit.Right, edit.Wrong, StringComparison.Ordinal);
        }

        return text;
    }

    private static void ThrowIfAny(string name, IEnumerable<Diagnostic> diagnostics)
    {
        Diagnostic[] errors = [.. diagnostics.Where(one => one.Severity == DiagnosticSeverity.Error)];
        if (errors.Length > 0)
        {
            throw new PlantedBugException($"\"{name}\" does not compile: {string.Join("; ", errors.Select(one => one.ToString()))}");
        }
    }

    private static string PathOf(PlantedBug bug) => $"{Project}/{bug.File}";

    private static CSharpCompilation Patched(CSharpCompilation sound, PlantedBug bug)
    {
        string path = PathOf(bug);
        SyntaxTree tree = sound.SyntaxTrees.SingleOrDefault(one => one.FilePath == path)
            ?? throw new PlantedBugException($"\"{bug.Name}\" patches {path}, which the repository does not have");
        return sound.ReplaceSyntaxTree(tree, Parse(path, Patch(bug, Repository.Text(path).Text)));
    }

    private static CSharpCompilation Compilation()
    {
        Assembly original = typeof(IUnitOfWork).Assembly;
        string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string[] platform = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        List<SyntaxTree> sources = [.. Repository.Product.Where(file => file.Parts[0] == Project).Select(file => Parse(file.Path, file.Text))];
        return CSharpCompilation.Create(
            Project,
            [Parse("Usings.cs", ImplicitUsings), Parse("Assembly.cs", AttributesOf(original)), .. sources, .. sources.SelectMany(GeneratedRegexes)],
            platform.Where(file => Path.GetDirectoryName(file) == runtime).Select(file => MetadataReference.CreateFromFile(file)),
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Enable));
    }

    /// <summary>The other halves of methods that the SDK's generator for regular expressions would write.</summary>
    private static IEnumerable<SyntaxTree> GeneratedRegexes(SyntaxTree source) =>
        from method in source.GetRoot().DescendantNodes().OfType<MethodDeclarationSyntax>()
        let attribute = method.AttributeLists.SelectMany(list => list.Attributes).FirstOrDefault(one => one.Name.ToString() == "GeneratedRegex")
        where attribute is not null
        let type = (TypeDeclarationSyntax)method.Parent!
        let name = method.Identifier.ValueText
        select Parse(
            $"{type.Identifier.ValueText}.{name}.cs",
            $$"""
            using System.Text.RegularExpressions;
            namespace {{type.Ancestors().OfType<BaseNamespaceDeclarationSyntax>().First().Name}};
            {{type.Modifiers}} {{type.Keyword}} {{type.Identifier}}
            {
                private static readonly Regex made{{name}} = new Regex{{attribute.ArgumentList}};
                {{method.Modifiers}} Regex {{name}}() => made{{name}};
            }
            """);

    private static SyntaxTree Parse(string path, string text) => CSharpSyntaxTree.ParseText(SourceText.From(text), Language, path);

    /// <summary>What <c>ImplicitUsings</c> gives every project of this SDK; Domain has no usings of its own in its project file.</summary>
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    private static string AttributesOf(Assembly original) => string.Join(
        '\n',
        [
            $"[assembly: System.Reflection.AssemblyVersion(\"{original.GetName().Version}\")]",
            .. original.GetCustomAttributes<InternalsVisibleToAttribute>()
                .Select(friend => $"[assembly: System.Runtime.CompilerServices.InternalsVisibleTo(\"{friend.AssemblyName}\")]"),
        ]);
}

using System.Reflection;
using System.Xml.Linq;

namespace LoraAdmin.Tests.Architecture;

/// <summary>Domain decides: it references the base class library and nothing that talks to the outside.</summary>
internal static class DomainPurity
{
    /// <summary>Assemblies of the base class library that decisions need. No HTTP, no process, no socket, no file system beyond streams.</summary>
    private static readonly string[] Allowed =
    [
        "System.Collections", "System.Collections.Concurrent", "System.Collections.Immutable", "System.IO.Compression", "System.Linq", "System.Memory", "System.Runtime",
        "System.Security.Cryptography", "System.Text.Encodings.Web", "System.Text.Json", "System.Text.RegularExpressions", "System.Threading",
        "System.Threading.Channels",
    ];

    private static readonly string[] References = ["PackageReference", "ProjectReference", "FrameworkReference", "Reference"];

    public static IEnumerable<string> OfAssembly(Assembly assembly) => assembly.GetReferencedAssemblies()
        .Select(reference => reference.Name!)
        .Where(name => !Allowed.Contains(name))
        .Select(name => $"{assembly.GetName().Name} references {name}");

    /// <summary>Only the analyzers of the whole repository may be named there, and Domain is kept out of them by what it references itself.</summary>
    public static IEnumerable<string> OfProject(SourceFile project)
    {
        XElement root = XDocument.Parse(project.Text).Root!;
        foreach (XElement element in root.Descendants().Where(element => References.Contains(element.Name.LocalName)))
        {
            yield return $"{project.Path} has a {element.Name.LocalName} on {element.Attribute("Include")?.Value}";
        }

        if ((string?)root.Attribute("Sdk") is not "Microsoft.NET.Sdk" and { } sdk)
        {
            yield return $"{project.Path} uses {sdk}";
        }

        foreach (string code in root.Descendants("NoWarn").SelectMany(element => element.Value.Split(';')).Where(code => code.StartsWith("RS", StringComparison.Ordinal)))
        {
            yield return $"{project.Path} turns {code} off";
        }
    }
}
